# shellcheck shell=bash
#
# server.sh: sourced by the scripts that need a PostgreSQL of their own.
#
# They work on a private copy of the server's programs (a server finds its
# files relative to its own place), so that nothing is installed into the
# system's PostgreSQL and several of them can run beside each other.

# Set by prepare: the folder of everything, and the private server's programs.
work="" bindir=""

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What make and the caller's shell say about servers and options is not for ours.
unset MAKEFLAGS MFLAGS MAKELEVEL PGHOST PGPORT PGUSER PGDATABASE PGDATA PGSERVICE PGOPTIONS PGPASSWORD
export LC_ALL=C.UTF-8 PSQLRC=/dev/null

fail() {
	printf '%s\n' "$*" >&2
	exit 1
}

# The true pg_config; Debian's in /usr/bin is a wrapper.
find_pg_config() {
	local bindir
	bindir=$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null) || true
	if [[ $bindir && -x $bindir/pg_config ]]; then
		echo "$bindir/pg_config"
	else
		echo pg_config
	fi
}

# Does that pg_config lead to a server, its headers and its test tools?
is_complete() {
	local bindir
	bindir=$("$1" --bindir 2>/dev/null) || return 1
	[[ -x $bindir/postgres && -x $bindir/pgbench && -f $("$1" --pgxs) ]] &&
		[[ -f $("$1" --includedir-server)/postgres.h ]]
}

# Run a command as the user that servers run as: PostgreSQL refuses root.  On a
# bare machine that user comes with the packages.
choose_server_user() {
	server_user=$(id -un)
	if [[ $server_user == root ]]; then
		server_user=postgres
		id postgres >/dev/null 2>&1 || server_user=nobody
	fi
}
choose_server_user

as_server() {
	if [[ $(id -un) == "$server_user" ]]; then
		env HOME="$work" "$@"
	else
		runuser -u "$server_user" -- env HOME="$work" "$@"
	fi
}

# The longest folder that all the given paths are in.
common_folder() {
	local prefix=$1 path
	for path; do
		while [[ $path/ != "$prefix"/* ]]; do
			prefix=${prefix%/*}
		done
	done
	echo "$prefix"
}

# Copy the server that pg_config names to $work/server.
copy_server() {
	local config bin share lib include prefix
	config=$(find_pg_config)
	bin=$("$config" --bindir) share=$("$config" --sharedir)
	lib=$("$config" --pkglibdir) include=$("$config" --includedir-server)
	prefix=$(common_folder "$bin" "$share" "$lib" "$include")
	mkdir -p "$work/server${bin#"$prefix"}" "$work/server${share#"$prefix"}" \
		"$work/server${lib#"$prefix"}" "$work/server$(dirname "${include#"$prefix"}")"
	for program in "$bin"/{postgres,initdb,psql,createdb,dropdb,createuser,dropuser,vacuumdb,pgbench} "$bin"/pg_*; do
		[[ -f $program ]] && cp "$program" "$work/server${bin#"$prefix"}/"
	done
	cp -RL "$share/." "$work/server${share#"$prefix"}/"
	cp -RL "$lib/." "$work/server${lib#"$prefix"}/"
	ln -s "$include" "$work/server${include#"$prefix"}"
	bindir=$work/server${bin#"$prefix"}
}

# Copy the project to $work/tree and build it there, into the private server.
build() {
	mkdir "$work/tree"
	tar -C "$top" -cf - --exclude=./.git --exclude='*.o' --exclude='*.so' --exclude='*.bc' \
		--exclude=./tmp_check --exclude=./tmp_check_iso --exclude=./.demo . |
		tar -C "$work/tree" -xf -
	chmod -R u=rwX,go=rX "$work/tree"
	[[ $(id -un) == "$server_user" ]] || chown -R "$server_user:" "$work"
	as_server make -s -j "$(nproc)" -C "$work/tree" "PG_CONFIG=$bindir/pg_config" "$@" \
		install >"$work/build.log" 2>&1 || {
		cat "$work/build.log"
		fail 'The build failed.'
	}
}

# What prepare is to install beside the server, as test/setup names it.
setup_extras=()

# prepare PLACE [make variables]: install what is missing, then a folder
# PLACE.XXXXXX for everything, with the server and the built extension in it.
prepare() {
	local place=$1
	shift
	"$top/test/setup" "${setup_extras[@]}"
	choose_server_user
	work=$(mktemp -d "$place.XXXXXX")
	copy_server
	build "$@"
	cd "$work" || exit
}

# start_server [settings]: a cluster in $work/data that listens on a socket in
# $work only.  Afterwards psql and pgbench of $bindir find it by themselves.
start_server() {
	export PGHOST=$work PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
	as_server "$bindir/initdb" -D "$work/data" -U postgres -A trust -E UTF8 \
		--no-locale --no-sync >/dev/null
	{
		printf "listen_addresses = ''\nunix_socket_directories = '%s'\n" "$work"
		printf '%s\n' "$@"
	} | as_server tee -a "$work/data/postgresql.conf" >/dev/null
	as_server "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -w -s start || {
		tail -20 "$work/server.log"
		fail 'The server did not start.'
	}
}

stop_server() {
	[[ ! -f $work/data/postmaster.pid ]] ||
		as_server "$bindir/pg_ctl" -D "$work/data" -m immediate -s stop || true
}
