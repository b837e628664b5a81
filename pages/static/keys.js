/* Keys as the patterns of WAI-ARIA ask for them in trees, rows of tables, menus and dialogs, where Quasar lacks them. */
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const item = event.target.closest?.('.tree [role="treeitem"]');
  const move = item ? inTree(item, event.key) : event.key === 'Tab' ? round(event) : inRows(event) ?? inMenu(event);
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  move();
}, true);

/* A tree is one stop of the Tab key, and tells of each entry whether it is ticked. */
document.addEventListener('focusin', (event) => {
  const item = event.target.closest?.('.tree [role="treeitem"]');
  if (!item) return;
  oneStop(item);
  tellTick(item);
});

new MutationObserver((changes) => {
  for (const {target} of changes) {
    const item = target.closest?.('.tree [role="treeitem"]');
    if (item) tellTick(item);
  }
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['aria-checked']});

function inTree(item, key) {
  const items = [...item.closest('.tree').querySelectorAll('[role="treeitem"]')].filter((one) => one.offsetParent);
  const at = items.indexOf(item);
  const focus = (one) => () => one?.focus();
  const fold = () => item.querySelector('.q-tree__arrow')?.click();
  const open = item.getAttribute('aria-expanded');
  if (key.length > 1 || key === ' ') typed.text = '';
  if (key === 'Tab') oneStop(item);  // what was unfolded since is a stop, too
  if (key === 'ArrowDown') return focus(items[at + 1]);
  if (key === 'ArrowUp') return focus(items[at - 1]);
  if (key === 'Home') return focus(items[0]);
  if (key === 'End') return focus(items.at(-1));
  if (key === 'ArrowRight') return open === 'false' ? fold : focus(open === 'true' ? items[at + 1] : null);
  if (key === 'ArrowLeft') return open === 'true' ? fold : focus(above(item));
  if (key === 'Enter') return fold;
  if (key.length === 1 && key !== ' ') return focus(named(items, at, key));
  return key === ' ' ? () => tick(item) : null;
}

/* Typing a name leads to it; a pause begins another one. */
const typed = {text: '', at: 0};
function named(items, at, key) {
  typed.text = (Date.now() - typed.at < 1000 ? typed.text : '') + key.toLowerCase();
  typed.at = Date.now();
  const from = typed.text.length > 1 ? at : at + 1;
  const called = (one) => one.querySelector('.name').textContent.toLowerCase().startsWith(typed.text);
  return [...items.slice(from), ...items.slice(0, from)].find(called);
}

function above(item) {
  return item.parentElement.parentElement.closest('.q-tree__node')?.querySelector(':scope > [role="treeitem"]');
}

function oneStop(item) {
  for (const other of item.closest('.tree').querySelectorAll('[role="treeitem"]')) other.tabIndex = other === item ? 0 : -1;
}

function tick(item) {
  const box = item.querySelector('[role="checkbox"]');
  if (!box) return;
  box.click();
  item.focus();  // a tick box takes the focus with it
}

function tellTick(item) {
  const box = item.querySelector('[role="checkbox"]');
  const ticked = box?.getAttribute('aria-checked');
  if (ticked && ticked !== item.getAttribute('aria-checked')) item.setAttribute('aria-checked', ticked);
}

/* Up and down lead to the same cell of the row before or after. */
function inRows(event) {
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  const row = step && event.target.closest?.('.listing tbody tr');
  if (!row || event.target.closest('input, textarea')) return null;
  const rows = [...row.parentElement.rows];
  const column = event.target.closest('td').cellIndex;
  for (let at = rows.indexOf(row) + step; rows[at]; at += step) {
    const there = rows[at].cells[column]?.querySelector('a[href], button:enabled, [tabindex="0"]');
    if (there) return () => there.focus();
  }
  return () => {};
}

function inMenu(event) {
  const menu = event.target.closest?.('.q-menu');
  if (!menu || event.target.closest('input, textarea, [role="listbox"]')) return null;
  const items = [...menu.querySelectorAll('.q-item[tabindex], a[href], button:enabled')];
  const at = items.indexOf(event.target);
  const next = {
    ArrowDown: items[(at + 1) % items.length], ArrowUp: items.at(at <= 0 ? -1 : at - 1), Home: items[0], End: items.at(-1),
  }[event.key];
  return next ? () => next.focus() : null;
}

/* Tab stays within a dialog: behind its last stop comes its first. */
function round(event) {
  const dialog = event.target.closest?.('[role="dialog"]');
  const stops = [...dialog?.querySelectorAll('a[href], button:enabled, input:enabled, textarea:enabled, [tabindex="0"]') ?? []]
    .filter((one) => one.tabIndex >= 0 && one.offsetParent);
  const [end, start] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  return stops.length && event.target === end ? () => start.focus() : null;
}
