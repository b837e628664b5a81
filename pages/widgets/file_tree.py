"""The folders of a machine as a tree that loads when it is opened, with tick boxes for what to back up."""

from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from pages.selection import Selection, ancestors
from pages.wording import plural, size
from plumbus.errors import PlumbusError
from plumbus.model import RemoteFile

Browse = Callable[[str], Awaitable[list[RemoteFile]]]
Node = dict[str, Any]
MOST = 500  # entries of one folder; more would only slow the browser down
REVEALED = 12


class FileTree:
    """Given a way to list a folder and a selection, show both; ticking changes the selection and calls `on_change`."""

    def __init__(self, browse: Browse, selection: Selection, on_change: Callable[[], None]) -> None:
        self._browse, self._selection, self._on_change = browse, selection, on_change
        self._nodes: dict[str, Node] = {}
        self._root: list[Node] = []
        self._tree = (
            ui.tree([], on_expand=self._expanded)
            .classes('tree')
            .props('dense no-transition no-connectors icon=o_chevron_right')
        )
        self._tree.props['aria-label'] = 'Files and folders'
        self._tree.props['no-nodes-label'] = 'Loading …'
        self._tree.props['aria-busy'] = 'true'  # a tree without anything in it is none
        self._tree.add_slot('default-header', HEADER)
        self._tree.on('toggle', self._toggled)

    async def load(self) -> None:
        """Load the root and what the selection needs to be seen; what was open stays open."""
        opened = [path for path in self._tree.props['expanded'] if path in self._nodes]
        self._nodes.clear()
        self._root = await self._children('/')
        above = {
            folder
            for path in [*self._selection.sources, *self._selection.holes]
            for folder in ancestors(path)
        }
        wanted = sorted({*opened, *above} - {'/'}, key=lambda path: path.count('/'))[:REVEALED]
        for path in wanted:
            await self._open(path)
        self._tree.props['expanded'] = [path for path in wanted if path in self._nodes]
        self.show()

    def show(self) -> None:
        """Draw the tick boxes as the selection says."""
        for path, node in self._nodes.items():
            node['tick'] = self._selection.mark(path)
            node['note'] = 'left out' if self._selection.excluded(path) else node['remark']
        self._tree.props['nodes'] = self._root  # props keep a copy
        self._tree.props['aria-busy'] = 'false' if self._root else 'true'

    async def _expanded(self, event: ValueChangeEventArguments[list[str]]) -> None:
        new = set(event.value) - set(event.previous_value or [])
        for path in new:
            await self._open(path)
        self.show()

    async def _open(self, path: str) -> None:
        node = self._nodes.get(path)
        if node and not node['loaded']:
            node['children'], node['loaded'] = await self._children(path), True

    async def _children(self, path: str) -> list[Node]:
        try:
            files = await self._browse(path)
        except PlumbusError as error:
            return [_remark(path, str(error), 'o_lock')]
        nodes = [self._node(file) for file in files[:MOST]]
        if len(files) > MOST:
            nodes.append(
                _remark(
                    path,
                    f'and {plural(len(files) - MOST, "more entry", "more entries")}; type the path instead',
                    'o_more_horiz',
                )
            )
        return nodes or [_remark(path, 'empty', '')]

    def _node(self, file: RemoteFile) -> Node:
        node = {
            'id': file.path,
            'label': file.name,
            'icon': 'o_folder' if file.is_dir else 'o_link' if file.is_link else 'o_insert_drive_file',
            'figure': '' if file.is_dir else size(file.size),
            'remark': '' if file.readable else 'this login cannot read it',
            'loaded': not file.is_dir,
            'children': [_remark(file.path, 'Loading …', '')] if file.is_dir else [],
        }
        self._nodes[file.path] = node
        return node

    def _toggled(self, event: GenericEventArguments) -> None:
        if event.args in self._nodes:
            self._selection.toggle(event.args)
            self.show()
            self._on_change()


def _remark(path: str, words: str, icon: str) -> Node:
    return {
        'id': f'{path}//',
        'label': words,
        'icon': icon,
        'tick': '',
        'note': '',
        'figure': '',
        'remark': '',
        'children': [],
    }


HEADER = """
<div :class="['tree-node', {out: props.node.tick === 'off' || !props.node.tick}]">
  <q-checkbox v-if="props.node.tick" dense size="sm" tabindex="-1" :model-value="props.node.tick === 'part' ? null : props.node.tick === 'on'"
    :aria-label="props.node.id" @update:model-value="$parent.$emit('toggle', props.node.id)" @click.stop @keydown.stop @keypress.stop></q-checkbox>
  <q-icon v-if="props.node.icon" :name="props.node.icon"></q-icon>
  <span class="name">{{ props.node.label }}</span>
  <span v-if="props.node.note" class="sub small">{{ props.node.note }}</span>
  <span v-if="props.node.figure" class="figure small">{{ props.node.figure }}</span>
</div>
"""
