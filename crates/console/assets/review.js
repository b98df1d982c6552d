// The review desk's keys, its moment to undo, and its look again when `live.js` says that
// something has changed. The page works without it.
'use strict';
(() => {
  const HOLD_S = 8;
  const FIELD = 'input:not([type=checkbox]), textarea, select';
  const selected = new Set();
  const held = new Map();
  let group = 0;

  const desk = () => document.getElementById('desk');
  const rows = () => [...document.querySelectorAll('.queue li')];
  const current = () => document.querySelector('.queue li.current') || document.querySelector('.post');
  const answer = () => document.querySelector('form.answer');
  const mayAnswer = () => desk().hasAttribute('data-answers');

  // What the server draws says nothing of what is selected or held here.
  function dress() {
    const open = new Set(rows().map((row) => row.dataset.ticket));
    for (const id of selected) if (!open.has(id)) selected.delete(id);
    for (const row of rows()) {
      const box = row.querySelector('input[type=checkbox]');
      if (box) box.checked = selected.has(row.dataset.ticket);
      row.classList.toggle('held', held.has(row.dataset.ticket));
    }
    const count = document.querySelector('.bulk .count');
    if (count) count.textContent = `${selected.size} selected`;
    for (const button of document.querySelectorAll('.bulk button')) button.disabled = selected.size === 0;
    const help = document.querySelector('button.help');
    if (help) help.hidden = false;
    const note = document.querySelector('.held-note');
    if (note) {
      note.hidden = false;
      note.querySelector('.seconds').textContent = HOLD_S;
    }
    const form = answer();
    if (form) form.classList.toggle('held', held.has(ticketOf(form)));
    count_down();
  }

  const ticketOf = (form) => form.action.split('/').pop();

  function count_down() {
    for (const time of document.querySelectorAll('time.due')) {
      const minutes = Math.trunc((Date.parse(time.dateTime) - Date.now()) / 60000);
      const [h, m] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
      const span = h >= 48 ? `${Math.trunc(h / 24)} days` : h > 0 ? `${h} h ${String(m).padStart(2, '0')} min` : `${m} min`;
      const late = Date.parse(time.dateTime) <= Date.now();
      time.textContent = late ? `${span} overdue` : `${span} left`;
      time.classList.toggle('late', late);
    }
  }

  // Somebody who writes must not have the page drawn anew under their hands.
  function isWriting() {
    if (document.activeElement && document.activeElement.matches(FIELD)) return true;
    const fields = document.querySelectorAll('form.answer textarea, form.answer input[name=note], form.answer input[name=hashtags]');
    return [...fields].some((field) => field.value !== field.defaultValue);
  }

  // A look must not undo a step to another post that is under way; the step looks, too.
  let looking = 0;
  let steps = 0;
  async function show(url, gently = false) {
    if (gently && steps > 0) return;
    const mine = ++looking;
    if (!gently) steps += 1;
    try {
      await draw(url, gently, mine);
    } finally {
      if (!gently) steps -= 1;
    }
  }

  async function draw(url, gently, mine) {
    const response = await fetch(url, { headers: { accept: 'text/html' } });
    if (response.status === 401) return location.reload();
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    const drawn = page.getElementById('desk');
    // Somebody may have begun to write while the answer was on its way.
    if (!drawn || mine !== looking || (gently && isWriting())) return;
    const top = document.querySelector('.queue ol')?.scrollTop ?? 0;
    desk().replaceWith(drawn);
    document.querySelector('nav').replaceWith(page.querySelector('nav'));
    const list = document.querySelector('.queue ol');
    if (list) list.scrollTop = top;
    history.replaceState(null, '', url);
    dress();
    document.querySelector('.queue li.current')?.scrollIntoView({ block: 'nearest' });
  }

  function lookAgain() {
    if (!isWriting() && document.visibilityState === 'visible') {
      const url = new URL(location.href);
      url.searchParams.delete('done');
      show(url.href, true).catch(() => {});
    }
  }

  function step(by) {
    const all = rows();
    const at = all.findIndex((row) => row.classList.contains('current'));
    const next = all[at + by] ?? (at < 0 ? all[0] : undefined);
    if (next) return show(next.querySelector('a').href);
    return Promise.resolve();
  }

  function nextOf(ids) {
    const all = rows();
    const at = all.findIndex((row) => row.classList.contains('current'));
    const free = (row) => !ids.includes(row.dataset.ticket) && !held.has(row.dataset.ticket);
    return all.slice(at + 1).find(free) ?? all.slice(0, Math.max(at, 0)).reverse().find(free);
  }

  // What is said of each ticket is fixed when it is said; it is sent when its moment to undo is over.
  function hold(does, answers) {
    const ids = answers.map((each) => each.id);
    const next = nextOf(ids);
    const key = ++group;
    const until = Date.now() + HOLD_S * 1000;
    const box = document.createElement('div');
    const words = document.createElement('span');
    const undo = document.createElement('button');
    undo.type = 'button';
    undo.append('Undo ', Object.assign(document.createElement('kbd'), { textContent: 'u' }));
    undo.onclick = () => drop(key);
    box.append(words, undo);
    document.getElementById('held').append(box);
    const verb = { approve: 'Approving', reject: 'Rejecting', confirm: 'Noting as out' }[does];
    const what = answers.length === 1 ? `“${answers[0].headline}”` : `${answers.length} posts`;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      words.textContent = `${verb} ${what} in ${Math.max(left, 0)} s`;
      if (left <= 0) send(key);
    };
    const timer = setInterval(tick, 250);
    for (const each of answers) held.set(each.id, { key, does, body: each.body, box, timer, words, undo });
    for (const id of ids) selected.delete(id);
    tick();
    document.activeElement?.blur();
    if (next) show(next.querySelector('a').href).catch(() => {});
    else dress();
  }

  const ofGroup = (key) => [...held].filter(([, each]) => each.key === key);

  function drop(key) {
    for (const [id, each] of ofGroup(key)) {
      clearInterval(each.timer);
      each.box.remove();
      held.delete(id);
    }
    dress();
  }

  async function send(key) {
    const all = ofGroup(key);
    if (all.length === 0) return;
    const [, { timer, box, words, undo }] = all[0];
    clearInterval(timer);
    undo.remove();
    const troubles = [];
    for (const [id, each] of all) {
      try {
        const response = await fetch(`/api/hitl/${id}/${each.does}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-csrf-token': desk().dataset.csrf },
          body: JSON.stringify(each.body),
        });
        if (!response.ok) troubles.push((await response.json()).detail);
      } catch {
        troubles.push('The console does not answer; nothing was decided.');
      }
      held.delete(id);
    }
    if (troubles.length === 0) {
      box.remove();
    } else {
      box.className = 'bad';
      words.textContent = `${troubles.length} not taken. ${troubles[0]}`;
      const close = document.createElement('button');
      close.type = 'button';
      close.textContent = 'Close';
      close.onclick = () => box.remove();
      box.append(close);
    }
    if (isWriting()) dress();
    else {
      const url = new URL(location.href);
      if (all.some(([id]) => id === url.searchParams.get('ticket')) && troubles.length === 0) url.searchParams.delete('ticket');
      url.searchParams.delete('done');
      show(url.href, true).catch(() => {});
    }
  }

  // What the form of the shown post says.
  function said(does) {
    const form = answer();
    if (!form || held.has(ticketOf(form))) return;
    const field = (name) => form.elements.namedItem(name);
    const note = field('note').value.trim();
    const again = Boolean(field('again')?.checked);
    if (does === 'reject' && again && note === '') {
      field('note').focus();
      return;
    }
    const body = { seen_hash: field('seen_hash').value };
    if (note !== '') body.note = note;
    const text = field('text');
    const tags = field('hashtags');
    if (does === 'approve' && text && (text.value !== text.defaultValue || tags.value !== tags.defaultValue)) {
      body.text = text.value;
      body.hashtags = tags.value.split(/\s+/).filter(Boolean);
    }
    if (does === 'reject' && again) body.again = true;
    // What was written is said now; it must not keep the page from being drawn anew.
    for (const each of [text, tags, field('note')]) if (each) each.defaultValue = each.value;
    const headline = document.querySelector('.queue li.current strong')?.textContent ?? 'this post';
    hold(does, [{ id: ticketOf(form), body, headline }]);
  }

  function saidOfMany(does) {
    const chosen = rows().filter((row) => selected.has(row.dataset.ticket) && !held.has(row.dataset.ticket));
    if (chosen.length === 0) return;
    hold(does, chosen.map((row) => ({
      id: row.dataset.ticket,
      body: { seen_hash: row.dataset.hash },
      headline: row.querySelector('strong').textContent,
    })));
  }

  document.addEventListener('submit', (event) => {
    const does = event.submitter?.value;
    if (event.target.matches('form.answer')) {
      event.preventDefault();
      said(does ?? 'approve');
    } else if (event.target.matches('form.queue')) {
      event.preventDefault();
      saidOfMany(does);
    }
  });

  document.addEventListener('change', (event) => {
    if (event.target.matches('.queue input[type=checkbox]')) {
      const id = event.target.closest('li').dataset.ticket;
      if (event.target.checked) selected.add(id);
      else selected.delete(id);
      dress();
    }
  });

  document.addEventListener('click', (event) => {
    if (event.target.closest('button.help')) document.getElementById('keys').showModal();
    const link = event.target.closest('.queue li a');
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      show(link.href).catch(() => { location.href = link.href; });
    }
  });

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    x: () => {
      const id = current()?.dataset.ticket;
      const box = document.querySelector('.queue li.current input[type=checkbox]');
      if (!id || !box) return;
      if (!selected.delete(id)) selected.add(id);
      dress();
    },
    a: () => (selected.size > 0 ? saidOfMany('approve') : said('approve')),
    r: () => {
      if (selected.size > 0) return saidOfMany('reject');
      const note = answer()?.elements.namedItem('note');
      note?.focus();
    },
    e: () => {
      const details = document.querySelector('details.edit');
      if (!details) return;
      details.open = true;
      details.querySelector('textarea').focus();
    },
    u: () => {
      const last = Math.max(0, ...[...held.values()].map((each) => each.key));
      if (last > 0) drop(last);
    },
    '?': () => document.getElementById('keys').showModal(),
  };

  document.addEventListener('keydown', (event) => {
    if (document.getElementById('keys').open) return;
    const inField = event.target.matches?.(FIELD);
    if (inField) {
      if (event.key === 'Escape') event.target.blur();
      if (event.key === 'Enter' && event.target.name === 'note') {
        event.preventDefault();
        said('reject');
      }
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target.matches('textarea, [name=hashtags]')) {
        event.preventDefault();
        said('approve');
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key];
    const answers = ['a', 'r', 'e', 'x'].includes(event.key);
    if (act && (!answers || mayAnswer())) {
      event.preventDefault();
      Promise.resolve(act()).catch(() => {});
    }
  });

  window.addEventListener('beforeunload', (event) => {
    if (held.size > 0) event.preventDefault();
  });

  dress();
  setInterval(count_down, 10000);
  document.addEventListener('changed', lookAgain);
})();
