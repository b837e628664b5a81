"""Whether a manifest tells what lies in its snapshot: read anew here, without what PLUMBUS itself uses to verify."""

import hashlib
import os
from pathlib import Path

from plumbus.backup.checksums import file_checksum
from plumbus.backup.manifest import Entry, read_manifest
from plumbus.backup.tree import Tree
from plumbus.engine import Engine
from tests.support.facts import Facts, facts


def misfits(snapshot: Path) -> list[str]:
    """Given the folder of a snapshot, return a line for everything that its manifest and its tree tell differently."""
    entries = {entry.path: entry for entry in read_manifest(snapshot / 'manifest.msgpack.zst')}
    return misfits_of(entries, facts(snapshot / 'tree'), snapshot)


def misfits_of(entries: dict[bytes, Entry], tree: Facts, snapshot: Path) -> list[str]:
    """The same for what was read already."""
    entries = {path: entry for path, entry in entries.items() if path != b'.'}
    lines = [f'not in the manifest: {name!r}' for name in tree.keys() - entries.keys() - {b''}]
    lines += [f'only in the manifest: {name!r}' for name in entries.keys() - tree.keys()]
    groups: dict[bytes, list[Entry]] = {}
    with Tree(snapshot / 'tree') as opened:
        for name in tree.keys() & entries.keys():
            entry, fact = entries[name], tree[name]
            groups.setdefault(fact.group, []).append(entry)
            told = (entry.kind, entry.size, entry.mtime, entry.mode, (entry.uid, entry.gid))
            size = fact.size if fact.kind in 'fL' else entry.size
            mode = fact.mode if fact.kind != 'L' else entry.mode
            if told != (fact.kind, size, fact.mtime_ns // 10**9, mode, fact.owner):
                lines.append(f'{entry} is not {fact}')
            if entry.kind == 'L' and entry.target != fact.content:
                lines.append(f'{entry} points to {fact.content!r}')
            if entry.kind == 'f' and _wrong_checksum(opened, entry):
                lines.append(f'{entry} has the wrong checksum')
    return lines + [line for group in groups.values() for line in _wrong_leaders(group)]


def untruths(engine: Engine) -> list[str]:
    """Given an engine that does nothing right now, return a line for everything that a record or a snapshot tells wrongly."""
    records = list(engine.backups.page(limit=10**6).items)
    lines = [f'{one.id} says {one.status}' for one in records if not one.status.finished]
    there = {engine.backups.snapshots.relative(one): one for one in engine.backups.snapshots.everything()}
    for one in records:
        if one.status.good != bool(one.backup_path or one.removed_at):
            lines.append(f'{one.id} is {one.status}, with the path {one.backup_path}')
        if one.status.finished and not one.status.good and not (one.cause and one.error_message):
            lines.append(f'{one.id} is {one.status} and does not say why')
    told = {str(one.backup_path): one for one in records if one.backup_path}
    lines += [f'no record of {path}' for path in there.keys() - told.keys()]
    lines += [
        f'no snapshot at {path}' for path, one in told.items() if path not in there and not one.removed_at
    ]
    for path, snapshot in there.items():
        lines += [f'{path}: {line}' for line in misfits(snapshot.path)]
        written = snapshot.description()['backup']
        known = told[path].model_dump(mode='json') if path in told else written
        lines += [
            f'{path}: {name} is {written[name]!r}, the record says {known[name]!r}'
            for name in (
                'id',
                'status',
                'file_count',
                'size_bytes',
                'disk_bytes',
                'new_files',
                'changed_files',
                'deleted_files',
            )
            if written[name] != known[name]
        ]
    return lines


def digests(snapshot: Path) -> dict[str, bytes]:
    """Given the folder of a snapshot, return a checksum of each file beside its tree."""
    beside = (file for file in snapshot.iterdir() if file.name != 'tree')
    return {file.name: hashlib.sha256(file.read_bytes()).digest() for file in beside}


def _wrong_leaders(group: list[Entry]) -> list[str]:
    leaders = [entry for entry in group if not entry.linked]
    if len(leaders) != 1:
        return [f'{len(leaders)} leaders in {group}']
    if any(entry.target != leaders[0].path for entry in group if entry.linked and entry.kind == 'f'):
        return [f'the leader of some is not {leaders[0].path!r}: {group}']
    return []


def _wrong_checksum(tree: Tree, entry: Entry) -> bool:
    if entry.checksum is None or entry.algorithm is None:
        return True
    descriptor = tree.open_file(entry.path)
    try:
        return file_checksum(descriptor, entry.algorithm, lambda: None) != entry.checksum
    finally:
        os.close(descriptor)
