# pg_tviews: build, install and test with PostgreSQL's PGXS.
#
#   make                 build pg_tviews.so and the install script
#   make install         into the PostgreSQL that PG_CONFIG names
#   make installcheck    regression, isolation and TAP tests (the first two
#                        against the running server that PGHOST, PGPORT name)
#   make dist            release tarball of the last commit
#   make indent, lint    format the C sources, check the house rules
#
# scripts/test does all of it on a private server.

EXTENSION = pg_tviews
MODULE_big = pg_tviews
PGFILEDESC = "pg_tviews - tables kept equal to a query"

# Where this file is: not the current directory in an out-of-tree build.
HERE := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
here = $(patsubst $(HERE)/%,%,$(wildcard $(addprefix $(HERE)/,$(1))))

OBJS = $(patsubst %.c,%.o,$(call here,src/*.c))

# The version stands in the control file and nowhere else.  Its install script
# is made from the current one; that of the first version, from which update
# scripts lead to all others, is kept.
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(HERE)/pg_tviews.control)
DATA_built = sql/pg_tviews--$(EXTVERSION).sql
DATA = $(call here,sql/pg_tviews--0.1.0.sql sql/pg_tviews--*--*.sql)

# The test "kit" loads the test kit, so it comes first; so does "load_kit".
REGRESS = kit $(filter-out kit,$(sort $(basename $(notdir $(call here,test/sql/*.sql)))))
REGRESS_OPTS = --inputdir=$(HERE)/test --outputdir=build/regress --load-extension=pg_tviews
ISOLATION = load_kit $(filter-out load_kit,$(sort $(basename $(notdir $(call here,test/specs/*.spec)))))
ISOLATION_OPTS = --inputdir=$(HERE)/test --outputdir=build/isolation --load-extension=pg_tviews
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
REGRESS_PREP = build/regress build/isolation $(HERE)/test/specs/load_kit.spec

EXTRA_CLEAN = build/regress build/isolation $(HERE)/test/specs/load_kit.spec \
	pg_tviews-$(EXTVERSION).tar.gz

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(PGXS),)
$(error no $(PG_CONFIG): install PostgreSQL 15 or later with its server headers, or say where: make PG_CONFIG=/path/to/pg_config)
endif
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) has no $(PGXS): install the server development package of this PostgreSQL)
endif
POSTGRES := $(shell $(PG_CONFIG) --version)
ifneq ($(filter 9.% 10.% 11.% 12.% 13.% 14.%,$(word 2,$(POSTGRES))),)
$(error pg_tviews needs PostgreSQL 15 or later, $(PG_CONFIG) is $(POSTGRES))
endif

# The headers of 15 leave the arguments of callbacks out, which in C23, the
# default of newer compilers, means that there are none.
ifneq ($(filter 15.%,$(word 2,$(POSTGRES))),)
PG_CFLAGS += -std=gnu11
endif
include $(PGXS)

PROVE_FLAGS += -I $(HERE)/test/perl

ifneq ($(HERE),.)
$(shell $(MKDIR_P) src sql)
endif

$(OBJS): $(wildcard $(HERE)/src/*.h)

$(DATA_built): $(HERE)/sql/pg_tviews.sql $(HERE)/pg_tviews.control
	cp $< $@

build/regress build/isolation:
	$(MKDIR_P) $@

# isolationtester cannot include a file: wrap the kit into a spec of its own.
$(HERE)/test/specs/load_kit.spec: $(HERE)/test/kit/kit.sql
	{ echo 'setup {'; cat $<; echo '}'; \
	  echo 'session s'; echo 'step load { SELECT kit.check_all(); }'; \
	  echo 'permutation load'; } >$@

dist:
	git -C $(HERE) archive --prefix=pg_tviews-$(EXTVERSION)/ \
		-o $(CURDIR)/pg_tviews-$(EXTVERSION).tar.gz HEAD

indent:
	cd $(HERE) && tools/indent

lint:
	cd $(HERE) && tools/lint

.PHONY: dist indent lint
