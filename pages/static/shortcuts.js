/* The language for screen readers: NiceGUI leaves it out. */
document.documentElement.lang = 'en';

/* Ctrl+K or / opens the search of the header. Here, since ui.keyboard would send every key that is pressed to the server. */
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, select, [contenteditable="true"]');
  const called = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k';
  const slash = event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const opener = document.getElementById('search-opener');
  if ((called || slash) && opener) {
    event.preventDefault();
    if (!document.querySelector('.finder')) opener.click();
  }
});
