# Keeps one private PostgreSQL server for the program that holds the other end of standard input.
#
#   SUPERVISOR=this sh -c 'eval "$SUPERVISOR"' NAME BINDIR DIRECTORY KEEP SETTING...
#
# Standard input is a pipe. It carries the superuser's password, then "start PORT", and while a server runs the name of
# a signal for it. When the pipe closes, for whatever reason (Stop, exit, panic, kill -9), the server is stopped and the
# directory removed. Standard output tells what happened: "ready", "failed", "started PID", "exited STATUS". Everything
# that PostgreSQL says goes to standard error.

unset SUPERVISOR # which kept this text out of the process list
bin=$1 dir=$2 keep=$3
shift 3

# Only the pipe decides when this ends: a signal sent to a whole session must not leave a server without its keeper, and
# when the program is gone nobody reads what is said here.
trap '' HUP INT TERM PIPE

# A command in the background loses standard input, so the pipe moves to 3; the server itself must not hold it.
exec 3<&0 </dev/null

# With KEEP the directory stays for inspection and deserves an orderly end; without, the fastest end is the best.
end=QUIT
if [ "$keep" = yes ]; then end=INT; fi

# A copy of a running server, which follows it, in place of an empty one.
follow() {
    "$bin/pg_basebackup" --pgdata="$dir/data" --dbname="$FOLLOWS" --write-recovery-conf --wal-method=stream --checkpoint=fast --no-sync >&2 3<&-
}

initialise() {
    if [ -n "$FOLLOWS" ]; then follow; return; fi
    if [ -n "$LIKE" ]; then cp -R "$LIKE" "$dir/data" 3<&-; return; fi
    "$bin/initdb" --pgdata="$dir/data" --username=postgres --pwfile="$dir/password" --auth=scram-sha-256 \
        --encoding=UTF8 --locale="$1" --no-sync --no-instructions >&2 3<&-
}

# The directory is made here and not by the program, so that there is no moment at which nobody would remove it.
umask 077
read -r password <&3 || exit 1
if [ "$keep" != yes ]; then mkdir "$dir" || exit 1; fi
printf '%s\n' "$password" >"$dir/password"
# C.UTF-8 is not known everywhere (old macOS).
if initialise C.UTF-8 || initialise C; then echo ready; else echo failed; fi
rm -f "$dir/password"

while read -r verb port <&3; do
    [ "$verb" = start ] || continue
    "$bin/postgres" -D "$dir/data" -p "$port" "$@" >&2 3<&- &
    server=$!
    # A signal is repeated until the server is gone: one that has just been forked ignores INT and QUIT until it is up.
    {
        read -r signal || signal=$end
        while kill -s "$signal" "$server"; do sleep 1; done
    } <&3 >/dev/null 2>&1 &
    guard=$!
    echo "started $server"
    wait "$server"
    status=$?
    kill -s KILL "$guard" 2>/dev/null
    wait "$guard" 2>/dev/null
    echo "exited $status"
done

if [ "$keep" != yes ]; then
    cd / || exit 1
    rm -rf "$dir"
fi
