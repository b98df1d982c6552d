// Looks again when something has changed: at how many wait, and at a page that shows what is now. The pages work without it.
'use strict';
(() => {
  const LOOK_AGAIN_MS = 30000;
  const AT_MOST_EVERY_MS = 1000;
  let line;
  let timer;
  let looked = Date.now();

  // Whoever reads, writes or chooses must not have the page drawn anew under their hands.
  function isBusy(main) {
    if (main.contains(document.activeElement)) return true;
    if (main.querySelector('details[open]')) return true;
    if ([...main.querySelectorAll('video')].some((video) => !video.paused)) return true;
    return !(getSelection()?.isCollapsed ?? true);
  }

  const first = (main) => main.querySelector('[data-key]')?.dataset.key;

  function tell(main) {
    if (main.querySelector('.newer')) return;
    const link = document.createElement('a');
    link.href = location.pathname + location.search;
    link.textContent = 'There is something new: show it';
    const told = document.createElement('p');
    told.className = 'notice newer';
    told.setAttribute('role', 'status');
    told.append(link);
    main.querySelector('h1').after(told);
  }

  async function look() {
    looked = Date.now();
    const response = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (response.status === 401) return location.reload();
    if (!response.ok) return;
    const drawn = new DOMParser().parseFromString(await response.text(), 'text/html');
    const nav = drawn.querySelector('nav');
    if (nav && !document.querySelector('nav').contains(document.activeElement)) document.querySelector('nav').replaceWith(nav);
    const [main, fresh] = [document.querySelector('main'), drawn.querySelector('main')];
    if (!fresh || main.dataset.live !== fresh.dataset.live) return;
    if (main.dataset.live === 'tell' && first(main) !== first(fresh)) tell(main);
    if (main.dataset.live === 'replace' && !isBusy(main)) main.replaceWith(fresh);
  }

  // Many changes at once are one to look at.
  function changed() {
    if (document.getElementById('desk') || document.visibilityState !== 'visible') return;
    clearTimeout(timer);
    timer = setTimeout(() => look().catch(() => {}), Math.max(0, looked + AT_MOST_EVERY_MS - Date.now()));
  }

  // What every page tells of beside its name; and what a page says that it shows. The review desk looks by itself.
  const EVERYWHERE = ['hitl', 'plans', 'alerts'];
  const shown = () => (document.querySelector('main').dataset.of ?? '').split(' ');

  function heard(what) {
    if (what === 'hitl') document.dispatchEvent(new Event('changed'));
    if (EVERYWHERE.includes(what) || shown().includes(what)) changed();
  }

  // A page that nobody sees gives its line back: browsers have but six for each host.
  function listen() {
    if (document.visibilityState !== 'visible') {
      line?.close();
      line = undefined;
    } else if (!line) {
      line = new EventSource('/api/events');
      for (const what of ['hitl', 'fleet', 'plans', 'alerts', 'published']) line.addEventListener(what, () => heard(what));
    }
  }

  document.addEventListener('visibilitychange', () => {
    listen();
    if (document.visibilityState === 'visible') heard('hitl');
  });
  listen();
  setInterval(() => heard('hitl'), LOOK_AGAIN_MS);
})();
