'use strict';
// Keeps the page current: asks for it again while somebody looks at it, and has htmx put in place what has changed. What a person is in the middle of is left as it is: an open act, a reason
// that is being written, invoices that are ticked.
(() => {
	const every = 2000, slowest = 30000;
	const live = document.getElementById('live'), pause = document.getElementById('pause');
	if (!live) return;
	const kept = 'choriste-paused';
	let paused = sessionStorage.getItem(kept) === 'yes';
	let over = false, ended = false, failures = 0, answered = false, timer = 0;

	// What a reader has opened stays open.
	htmx.registerExtension('choriste', {
		htmx_before_morph_attr: (e, detail) => !(detail.attrName === 'open' && e.localName === 'details'),
	});

	const look = () => {
		clearTimeout(timer);
		if (!over && !ended && !paused && !document.hidden) htmx.trigger(live, 'look');
	};
	const wait = () => {
		clearTimeout(timer);
		timer = setTimeout(look, Math.min(every * 2 ** failures, slowest));
	};
	const show = (id, shown) => {
		const e = document.getElementById(id);
		if (e && e.hidden === shown) e.hidden = !shown;
	};
	const writing = e => e.contains(document.activeElement) && document.activeElement.matches('input, textarea, select');
	const busy = e => writing(e) || e.open || e.querySelector('details[open], input[type=checkbox]:checked') !== null
		|| [...e.querySelectorAll('textarea')].some(t => t.value !== '');

	document.addEventListener('htmx:before:response', event => {
		const response = event.detail.ctx.response;
		if (response.status === 401) over = true;
		if (response.status !== 200) event.preventDefault();
	});
	document.addEventListener('htmx:after:request', event => {
		ended = !event.detail.ctx.text.includes('id="live"'); // such as a run that has come to its end
	});
	document.addEventListener('htmx:before:swap', event => {
		answered = true;
		for (const e of document.querySelectorAll('main [data-hold]')) e.toggleAttribute('data-held', busy(e));
		for (const task of event.detail.tasks) {
			for (const e of task.fragment.querySelectorAll('[autofocus]')) e.removeAttribute('autofocus');
			if (!task.fragment.querySelector('#main, #read')) event.preventDefault(); // not the page that was asked for
		}
	});
	document.addEventListener('htmx:after:swap', () => {
		const doing = document.getElementById('doing'), now = document.getElementById('stale');
		if (doing && now) show('stale', doing.hasAttribute('data-held') && doing.dataset.at !== now.dataset.at);
		if (document.activeElement === document.body && focus) document.getElementById('main').focus({ preventScroll: true });
	});
	// Where the keyboard was: if that is gone, it goes on at the content, and not at the top of the page.
	let focus = false;
	document.addEventListener('focusin', event => { focus = event.target.closest('main') !== null; });
	document.addEventListener('pointerdown', () => { focus = false; });

	live.addEventListener('htmx:before:request', () => { answered = false; });
	live.addEventListener('htmx:finally:request', () => {
		failures = answered || over ? 0 : failures + 1;
		show('over', over);
		show('lost', failures > 0);
		pause.hidden = over || ended;
		wait();
	});
	document.addEventListener('visibilitychange', look);

	const say = () => pause.setAttribute('aria-pressed', String(paused));
	pause.addEventListener('click', () => {
		paused = !paused;
		sessionStorage.setItem(kept, paused ? 'yes' : 'no');
		say();
		look();
	});
	pause.hidden = false;
	say();
	wait();
})();
