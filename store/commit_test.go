package store_test

import "testing"

// T1 commits synchronously although its session does not, as after a pooler has come in between.
func TestT1CommitsSynchronously(t *testing.T) {
	b := newBench(t)
	_, err := b.owner.Exec(t.Context(), `
		CREATE TABLE public.commits (mode text);
		CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
		    INSERT INTO public.commits VALUES (current_setting('synchronous_commit'));
		    RETURN NULL;
		END $$;
		CREATE CONSTRAINT TRIGGER note AFTER INSERT ON chorus.attempts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.note()`)
	must(t, err)
	for _, conn := range b.worker.Pool().AcquireAllIdle(t.Context()) {
		_, err := conn.Exec(t.Context(), `SET synchronous_commit = off`)
		must(t, err)
		conn.Release()
	}
	_, err = b.begin(t)
	must(t, err)
	var modes []string
	must(t, b.owner.QueryRow(t.Context(), `SELECT array_agg(mode) FROM public.commits`).Scan(&modes))
	if len(modes) != 1 || modes[0] != "on" {
		t.Errorf("T1 was committed with synchronous_commit %v", modes)
	}
}
