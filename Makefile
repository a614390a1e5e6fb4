# journey
#
#   make            build against the PostgreSQL that pg_config names
#   make install    put it there (as root)
#   make demo       a small shop to look at; `make demo-stop` ends it
#   make test       every test; installs what is missing on a bare Debian
#   make bench      the figures
#   make lint       layers, house rules, and the checkers that are present
#
# test, demo and bench work on a private copy of the server's programs: nothing
# is installed into the system's PostgreSQL, and no cluster of it is touched.

EXTENSION  = journey
EXTVERSION = 1.0
MODULE_big = journey
OBJS       := $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))
SHLIB_LINK += -lcurl

# The install script is joined from its parts.  An upgrade script is its delta
# and every part that can be run again: all but tables and privileges.
PARTS      := $(sort $(wildcard sql/[0-9]*.sql))
RERUNNABLE = $(filter-out sql/00_% sql/10_% sql/90_%,$(PARTS))
DATA_built = journey--$(EXTVERSION).sql \
	$(patsubst sql/upgrade/%,journey--%,$(wildcard sql/upgrade/*.sql))

PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers $(if $(WERROR),-Werror)

# Nothing here gains from being inlined into jitted code, so no bitcode, and
# clang need not be installed.
override with_llvm = no

REGRESS        := $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test --temp-instance=tmp_check \
	--temp-config=test/journey.conf --load-extension=$(EXTENSION)
ISOLATION      := $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --temp-instance=tmp_check_iso \
	--temp-config=test/journey.conf --load-extension=$(EXTENSION)
TAP_TESTS      = 1
PROVE_TESTS    = test/t/*.pl
EXTRA_CLEAN    = tmp_check tmp_check_iso results output_iso log dist

.DEFAULT_GOAL := all

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
ifneq ($(PGXS),)
include $(PGXS)
else
all install installcheck uninstall:
	@echo '$(PG_CONFIG) names no PostgreSQL with its development files.' >&2
	@echo 'Install postgresql-server-dev-NN, or run test/setup.' >&2
	@exit 1
endif

# PGXS knows of no headers.
$(OBJS): $(wildcard src/*.h)

journey--$(EXTVERSION).sql: $(PARTS)
	cat $^ > $@

journey--%.sql: sql/upgrade/%.sql $(RERUNNABLE)
	cat sql/00_header.sql $^ > $@

.PHONY: test demo demo-stop bench lint layers indent dist

test:
	@test/run

demo:
	@doc/demo/run

demo-stop:
	@doc/demo/run stop

bench:
	@bench/run $(BENCH)

layers:
	@awk -f test/layers.awk src/LAYERS $(wildcard src/*.c src/*.h)

lint: layers
	@test/lint

indent: all
	@test/indent src/*.c src/*.h

dist:
	mkdir -p dist
	git archive --format=zip --prefix=journey-$(EXTVERSION).0/ \
		--output=dist/journey-$(EXTVERSION).0.zip HEAD
