// The page keeps itself up to date while nobody is typing, choosing, clicking or reading bodies: only what has changed is replaced. Without this script it works as
// well, one load at a time.
'use strict';
const busy = () => document.hidden || document.querySelector('details[open], button:active, a:active, input[name=sure]:checked')
	|| (document.activeElement && document.activeElement.matches('input, select')) || String(getSelection());
setInterval(async () => {
	if (busy()) return;
	const answer = await fetch(location.pathname + location.search, {headers: {Accept: 'text/html'}}).catch(() => null);
	if (!answer || !answer.ok) return;
	const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
	if (busy()) return;
	for (const part of fresh.querySelectorAll('main > [id]')) {
		const shown = document.getElementById(part.id);
		if (shown && shown.innerHTML !== part.innerHTML) shown.replaceWith(part);
	}
}, 2000);
