-- The invariants of docs/protocol.md §3.7: each query returns what violates one, in words; no row = it holds.
--
-- A sample first reads the ledger to its end (settings.first_seq), then takes a snapshot of the database, then reads the ledger to its end again. So
-- lines up to first_seq are older than the snapshot and all lines include everything that the snapshot can be based on:
--   - what the rows claim of the portal must be in the ledger: all lines (I2, I3);
--   - what the portal received must have been in the database before: lines up to first_seq (I4, I7, I9, I10);
--   - what must never have happened by now or later: all lines (I1, I8, I11).
-- Queries marked "end" hold only when nothing moves any more.

--! I1 always: no invoice was accepted twice
SELECT format('%s: %s accepted', key, count(*))
FROM chaos.held
GROUP BY key
HAVING count(*) > 1
UNION ALL
-- A second copy that the portal's own uniqueness caught was still sent by us; unless the first was typed in by a person.
SELECT format('%s: sent again, refused as a duplicate', l.key)
FROM chaos.ledger l
WHERE l.type = 'accepted' AND l.refused_as = 'duplicate'
  AND NOT EXISTS (SELECT FROM chaos.ledger p WHERE p.type = 'portal' AND p.key = l.key);

--! I2 always: no false success
SELECT format('invoice %s is %s, flux %s, facture %s: the portal has no such', i.id, i.state, i.numero_flux_depot, i.identifiant_facture_cpp)
FROM chorus.invoices i
WHERE i.state IN ('integrated', 'settled')
  AND NOT EXISTS (SELECT FROM chaos.held h WHERE h.key = chaos.key(i) AND (h.flux = i.numero_flux_depot OR h.facture = i.identifiant_facture_cpp))
UNION ALL
SELECT format('invoice %s is deposited, flux %s: the portal accepted no such flux', i.id, i.numero_flux_depot)
FROM chorus.invoices i
WHERE i.state = 'deposited'
  AND NOT EXISTS (SELECT FROM chaos.ledger l WHERE l.type = 'accepted' AND l.flux = i.numero_flux_depot AND l.key = chaos.key(i));

--! I3 always: no false failure
SELECT format('invoice %s is %s (%s): the portal holds flux %s, facture %s', i.id, i.state, i.reason_code, h.flux, h.facture)
FROM chorus.invoices i
JOIN chaos.held h ON h.key = chaos.key(i)
WHERE i.state IN ('rejected', 'invalid', 'cancelled', 'abandoned')
  AND (h.invoice_id = i.id OR i.state = 'rejected')
  -- refused by the recipient afterwards
  AND NOT EXISTS (SELECT FROM chaos.ledger s WHERE s.facture = h.facture AND s.type = 'statut' AND s.statut = 'REJETEE')
  -- or typed in by a person, while the portal refused what this row sent for a reason of its own
  AND NOT (h.type = 'portal' AND EXISTS (
      SELECT FROM chaos.ledger r WHERE r.flux = i.numero_flux_depot AND r.type = 'accepted' AND r.refused_later AND r.refused_as <> 'duplicate'))
  -- or another row's
  AND NOT EXISTS (SELECT FROM chorus.invoices o WHERE o.id <> i.id AND (o.id = h.invoice_id OR o.numero_flux_depot = h.flux OR o.identifiant_facture_cpp = h.facture));

--! I4 always: nothing can be sent while its invoice exists or can still appear
-- (lookup_first: the database refuses to send it before it was looked for)
SELECT format('invoice %s is %s: the portal holds flux %s', i.id, i.state, h.flux)
FROM chorus.invoices i
JOIN chaos.held h ON h.invoice_id = i.id AND h.seq <= (SELECT first_seq FROM chaos.settings)
WHERE i.state IN ('received', 'ready') AND NOT i.lookup_first
UNION ALL
SELECT format('invoice %s is %s: request %s has no answer yet', i.id, i.state, d.request)
FROM chorus.invoices i
JOIN chorus.attempts a ON a.invoice_id = i.id
JOIN chaos.deposits d ON d.nom_fichier = a.nom_fichier AND d.seq <= (SELECT first_seq FROM chaos.settings)
WHERE i.state IN ('received', 'ready') AND NOT i.lookup_first
  AND NOT EXISTS (SELECT FROM chaos.ledger l WHERE l.request = d.request AND l.type = 'answer')
UNION ALL
SELECT format('invoice %s is %s: flux %s is still to land', i.id, i.state, s.flux)
FROM chorus.invoices i
JOIN chorus.attempts a ON a.invoice_id = i.id
JOIN chaos.ledger s ON s.type = 'scheduled' AND s.nom_fichier = a.nom_fichier AND s.seq <= (SELECT first_seq FROM chaos.settings)
WHERE i.state IN ('received', 'ready') AND NOT i.lookup_first
  AND NOT EXISTS (SELECT FROM chaos.ledger l WHERE l.request = s.request AND l.type = 'accepted');

--! I5 end: nothing lost, nothing stuck
SELECT format('%s/%s was acknowledged and is %s', x.account, x.external_ref, CASE WHEN i.id IS NULL THEN 'not there' ELSE 'another document' END)
FROM chaos.inserts x
LEFT JOIN chorus.invoices i ON i.account = x.account AND i.external_ref = x.external_ref
WHERE x.acknowledged AND (i.id IS NULL OR encode(i.document_sha256, 'hex') <> x.sha256)
UNION ALL
SELECT format('invoice %s is still %s', id, state)
FROM chorus.invoices
WHERE state IN ('received', 'ready', 'sending', 'in_doubt');

--! I6 end: what the portal holds is claimed by exactly one row
SELECT format('flux %s of %s is claimed by %s rows', h.flux, h.key, c.n)
FROM chaos.held h
CROSS JOIN LATERAL (SELECT count(*) AS n FROM chorus.invoices i WHERE i.numero_flux_depot = h.flux OR i.identifiant_facture_cpp = h.facture) c
WHERE h.type = 'accepted' AND c.n <> 1
  AND NOT EXISTS (SELECT FROM chorus.invoices p WHERE p.id = h.invoice_id AND p.state = 'parked');

--! I7 always: an attempt was committed before its request was received
SELECT format('request %s (%s) was received at %s, its attempt was committed at %s', d.request, d.nom_fichier, d.at, pg_xact_commit_timestamp(c.xid::xid))
FROM chaos.deposits d
LEFT JOIN chorus.attempts a ON a.nom_fichier = d.nom_fichier
LEFT JOIN chaos.commits c ON c.attempt = a.id
WHERE d.seq <= (SELECT first_seq FROM chaos.settings)
  -- a rewind forgets attempts that were committed, whose requests may be on their way
  AND NOT EXISTS (SELECT FROM chaos.failovers f, chaos.settings s WHERE d.at BETWEEN f.lost_from AND f.lost_to + CASE WHEN a.id IS NULL THEN s.d ELSE '0' END)
  AND (a.id IS NULL OR c.xid IS NULL OR pg_xact_commit_timestamp(c.xid::xid) > d.at);

--! I8 always: one request for each attempt, on a connection of its own
SELECT format('%s was sent %s times', nom_fichier, count(*))
FROM chaos.deposits
GROUP BY nom_fichier
HAVING count(*) > 1
UNION ALL
SELECT format('request %s came over a used connection, or with an Idempotency-Key', request)
FROM chaos.deposits
WHERE reused OR idempotency_key IS NOT NULL;

--! I9 always: what was inserted is what was sent
SELECT format('request %s carried other bytes than invoice %s holds', d.request, i.id)
FROM chaos.deposits d
JOIN chorus.attempts a ON a.nom_fichier = d.nom_fichier
JOIN chorus.invoices i ON i.id = a.invoice_id
WHERE d.seq <= (SELECT first_seq FROM chaos.settings)
  AND (d.file_sha256 IS DISTINCT FROM encode(i.document_sha256, 'hex') OR d.file_sha256 IS DISTINCT FROM encode(a.sha256, 'hex'));

--! I10 always: nothing is received later than the fence allows
SELECT format('request %s came %s after the deadline of its attempt', d.request, d.at - a.send_deadline)
FROM chaos.deposits d
JOIN chorus.attempts a ON a.nom_fichier = d.nom_fichier
WHERE d.seq <= (SELECT first_seq FROM chaos.settings)
  AND d.at > a.send_deadline + (SELECT s.d FROM chaos.settings s);

--! I11 always: another attempt follows only proof that the last one did not arrive
SELECT format('invoice %s, attempt %s (%s) was followed by another without proof', a.invoice_id, a.n, a.outcome)
FROM chorus.attempts a
JOIN chorus.attempts b ON b.invoice_id = a.invoice_id AND b.n = a.n + 1 AND b.worker <> 'quarantine' -- which stands for one that may be forgotten
CROSS JOIN chaos.settings s
WHERE coalesce(a.outcome, '') NOT IN ('NOT_SENT', 'NOT_LANDED')
  AND NOT coalesce((
      SELECT count(*) >= 3 AND bool_or(l.witness AND l.age >= s.h OR l.age >= 2 * s.h)
      FROM chaos.lookups l
      WHERE l.attempt = a.id AND l.absent AND l.complete AND l.found = 0 AND l.at < b.claimed_at), false)
  -- or an operator's act, in writing
  AND NOT EXISTS (
      SELECT
      FROM chorus.events e
      WHERE e.invoice_id = a.invoice_id AND e.attempt = a.n AND e.to_state = 'in_doubt' AND e.at < b.claimed_at
        AND e.reason_code IN ('RETRY', 'RESUBMIT_WANTED', 'RESUBMIT_OVERRIDE'))
UNION ALL
-- and the proof is not false
SELECT format('invoice %s, attempt %s is %s: the portal received it', a.invoice_id, a.n, a.outcome)
FROM chorus.attempts a
JOIN chaos.deposits d ON d.nom_fichier = a.nom_fichier
WHERE a.outcome = 'NOT_SENT'
UNION ALL
SELECT format('invoice %s, attempt %s is %s: the portal accepted it', a.invoice_id, a.n, a.outcome)
FROM chorus.attempts a
JOIN chaos.ledger l ON l.type = 'accepted' AND l.nom_fichier = a.nom_fichier
WHERE a.outcome IN ('NOT_LANDED', 'REFUSED', 'DUPLICATE');

--! I12 always: no attempt stays silent
SELECT format('attempt %s has had no outcome for %s', a.id, clock_timestamp() - a.claimed_at)
FROM chorus.attempts a
CROSS JOIN chaos.settings s
WHERE a.outcome IS NULL AND clock_timestamp() > a.send_deadline + s.silence;

--! I13 always: history is complete and legal
SELECT format('invoice %s: event %s goes from %s, the one before ended at %s', invoice_id, id, from_state, before)
FROM (
    SELECT id, invoice_id, from_state, to_state, lag(to_state) OVER w AS before, lag(at) OVER w AS at_before
    FROM chorus.events
    WHERE invoice_id IS NOT NULL
    WINDOW w AS (PARTITION BY invoice_id ORDER BY id)
) e
-- when only the invoices go back, their history knows more
WHERE from_state IS DISTINCT FROM before AND NOT EXISTS (SELECT FROM chaos.failovers f WHERE f.one_table AND e.at_before BETWEEN f.lost_from AND f.lost_to)
   OR from_state <> to_state AND NOT EXISTS (SELECT FROM chorus.transitions t WHERE t.from_state = e.from_state AND t.to_state = e.to_state)
UNION ALL
SELECT format('invoice %s is %s, its last event says %s', i.id, i.state, e.to_state)
FROM chorus.invoices i
LEFT JOIN LATERAL (SELECT to_state, at FROM chorus.events WHERE invoice_id = i.id ORDER BY id DESC LIMIT 1) e ON true
WHERE i.state IS DISTINCT FROM e.to_state AND NOT EXISTS (SELECT FROM chaos.failovers f WHERE f.one_table AND e.at BETWEEN f.lost_from AND f.lost_to);

--! I14 end: the quota is kept in every second, and the portal never had to say so
SELECT format('%s requests in the second from %s on', n, at)
FROM (
    SELECT at, count(*) OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND interval '999999 microseconds' FOLLOWING) AS n
    FROM chaos.ledger
    WHERE type = 'request' AND op <> 'token'
) w
CROSS JOIN chaos.settings s
WHERE s.quota > 0 AND w.n > s.quota
UNION ALL
SELECT format('request %s was refused with 429', l.request)
FROM chaos.ledger l
CROSS JOIN chaos.settings s
WHERE s.quota > 0 AND l.type = 'answer' AND l.status = 429 AND l.fault IS NULL;

--! L end: once the faults are over, everything ends, and only what was lost twice waits for a person
-- (the portal pays every invoice within seconds, so that nothing may stay integrated either)
SELECT format('invoice %s is still %s', id, state)
FROM chorus.invoices
WHERE state IN ('received', 'ready', 'sending', 'in_doubt', 'deposited', 'integrated')
UNION ALL
SELECT format('invoice %s is parked as %s without a reason that was injected', i.id, i.reason_code)
FROM chorus.invoices i
CROSS JOIN chaos.settings s
WHERE i.state = 'parked'
  AND NOT (i.reason_code = 'POISON' AND EXISTS (SELECT FROM chaos.inserts x WHERE x.account = i.account AND x.external_ref = i.external_ref AND x.kind = 'poison'))
  AND (i.reason_code <> CASE WHEN s.never THEN 'ABSENT' ELSE 'BUDGET' END
       OR EXISTS (SELECT FROM chaos.held h WHERE h.invoice_id = i.id));

--! S end: no secret is anywhere
SELECT format('%s: %s', place, canary)
FROM chaos.leaks;

--! W end: a worker that lives on, or is asked to stop, writes down what became of its deposits
SELECT format('attempt %s of %s (%s) is %s', a.id, p.worker, coalesce(p.how, 'alive'), coalesce(a.outcome, 'silent'))
FROM chorus.attempts a
JOIN chaos.processes p ON p.worker = a.worker
WHERE coalesce(a.outcome, 'OWNER_LOST') = 'OWNER_LOST'
  AND (p.how IN ('term', 'end') OR coalesce(p.ended, clock_timestamp()) > a.claimed_at + interval '20 seconds')
  AND NOT EXISTS (
      SELECT
      FROM chaos.outages o
      WHERE o.ended > a.claimed_at - interval '1 second' AND o.began < least(coalesce(p.ended, clock_timestamp()), a.claimed_at + interval '20 seconds'))
  AND NOT EXISTS (
      SELECT
      FROM chaos.cuts c
      WHERE (c.slot IS NULL OR c.slot = p.slot)
        AND c.ended > a.claimed_at - interval '1 second' AND c.began < least(coalesce(p.ended, clock_timestamp()), a.claimed_at + interval '20 seconds'));

--! T always: the token endpoint is not stormed, and a refused token is not used on
-- Each token that the portal revokes has to be asked for again, once.
SELECT format('%s token requests in the second from %s on, %s revoked', n, at, revoked)
FROM (
    SELECT at, type, count(*) FILTER (WHERE type = 'request') OVER (ORDER BY at RANGE BETWEEN CURRENT ROW AND interval '999999 microseconds' FOLLOWING) AS n,
           count(*) FILTER (WHERE type = 'revoke') OVER (ORDER BY at RANGE BETWEEN interval '1 second' PRECEDING AND interval '999999 microseconds' FOLLOWING) AS revoked
    FROM chaos.ledger
    WHERE type = 'request' AND op = 'token' OR type = 'revoke'
) w
WHERE type = 'request' AND n > revoked + (SELECT token_rate FROM chaos.settings)
UNION ALL
-- When a token is revoked, every request in the air may carry it, and no later one.
SELECT format('%s refusals of %s revoked tokens', refused, revoked)
FROM (
    SELECT count(*) FILTER (WHERE type = 'answer' AND status = 401 AND fault IS NULL) AS refused, count(*) FILTER (WHERE type = 'revoke') AS revoked
    FROM chaos.ledger
) r
WHERE refused > 60 * revoked;

--! Q end: a database that went back in time is noticed
SELECT format('%s at %s: %s', way, lost_to, coalesce(format('noticed after %s, at most %s are allowed', noticed - possible, notice_within), 'nobody noticed'))
FROM chaos.rewinds
WHERE noticed IS NULL OR noticed > possible + notice_within;

--! B end: once the harm is over, deposits flow again, in time
SELECT format('%s: %s', name, coalesce(format('deposits again after %s, at most %s are allowed', back - ended, allowed), 'no deposit since'))
FROM (
    SELECT name || coalesce(' of worker ' || slot, '') AS name, ended, back, allowed FROM chaos.episodes
    UNION ALL
    SELECT way, possible, back, back_within FROM chaos.rewinds
) e
WHERE back IS NULL OR back > ended + allowed;

--! R end: /readyz tells the truth, and /metrics answers
SELECT format('worker %s (%s) says %s, and has been cut off from its database since %s', a.slot, a.at, a.said, c.began)
FROM chaos.answers a
JOIN chaos.cuts c ON c.whole AND (c.slot IS NULL OR c.slot = a.slot) AND a.at BETWEEN c.began + interval '30 seconds' AND c.ended
WHERE a.ready
UNION ALL
SELECT format('worker %s (%s) says %s, and nothing has been wrong for %s', a.slot, a.at, a.said, (SELECT moment FROM chaos.settings))
FROM chaos.answers a
LEFT JOIN chaos.processes p ON p.worker = a.worker
WHERE NOT a.ready
  AND p.started < a.at - (SELECT moment FROM chaos.settings)
  AND NOT coalesce(p.how IN ('term', 'end') AND p.ended < a.at + (SELECT moment FROM chaos.settings) + interval '5 seconds', false) -- it drains
  AND NOT EXISTS (SELECT FROM chaos.cuts c WHERE (c.slot IS NULL OR c.slot = a.slot) AND c.began < a.at AND c.ended > a.at - (SELECT moment FROM chaos.settings))
  AND NOT EXISTS (SELECT FROM chaos.outages o WHERE o.began < a.at AND o.ended > a.at - (SELECT moment FROM chaos.settings))
UNION ALL
SELECT format('worker %s (%s) answers %s to /metrics: %s', a.slot, a.at, a.metrics, a.said)
FROM chaos.answers a
WHERE a.metrics <> 200
  -- which ask the database
  AND NOT EXISTS (SELECT FROM chaos.cuts c WHERE (c.slot IS NULL OR c.slot = a.slot) AND c.began < a.at AND c.ended > a.at - interval '3 seconds')
  AND NOT EXISTS (SELECT FROM chaos.outages o WHERE o.began < a.at AND o.ended > a.at - interval '3 seconds');

--! P end: poison hurts nothing but itself
SELECT format('%s/%s was inserted at %s during %s, and left at %s', x.account, x.external_ref, x.at, e.name, coalesce(d.at::text, 'no time'))
FROM chaos.episodes e
JOIN chaos.inserts x ON x.at BETWEEN e.began AND coalesce(e.back, e.ended) AND x.kind = 'good'
LEFT JOIN chorus.invoices i ON i.account = x.account AND i.external_ref = x.external_ref
LEFT JOIN LATERAL (
    SELECT min(d.at) AS at FROM chorus.attempts a JOIN chaos.deposits d ON d.nom_fichier = a.nom_fichier WHERE a.invoice_id = i.id
) d ON true
WHERE e.still AND (d.at IS NULL OR d.at > x.at + (SELECT moment FROM chaos.settings))
UNION ALL
SELECT format('%s/%s is poison and %s %s', x.account, x.external_ref, i.state, i.reason_code)
FROM chaos.inserts x
JOIN chorus.invoices i ON i.account = x.account AND i.external_ref = x.external_ref
WHERE x.kind = 'poison' AND NOT (i.state = 'invalid' OR i.state = 'parked' AND i.reason_code = 'POISON')
UNION ALL
SELECT format('an insert with %s was taken', what)
FROM chaos.refusals
WHERE sqlstate IS NULL;

--! M end: no worker needs more than 512 MiB
SELECT format('worker %s (%s) had %s in RAM', slot, worker, pg_size_pretty(bytes))
FROM chaos.memory
WHERE bytes > 512 << 20;

--! N end: what is wrong is said in a few lines, not in a stream of them
SELECT format('worker %s, %s: %s lines in %s s', slot, what, lines, round(seconds::numeric))
FROM chaos.noise
WHERE lines > most * seconds;
