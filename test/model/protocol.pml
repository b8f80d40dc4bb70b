/*
 * The locks of a flush (src/locks.c), for spin: whatever the order in which
 * transactions take their steps, once all have committed the TVIEW's row equals
 * the view; and none waits for ever.
 *
 * One TVIEW with one key.  Rows, each one byte, 0 when it is not there:
 *
 *	R  the row with the key, linked to A1 or A2	(1, 2)
 *	A1, A2	each linked to B1 or B2			(1, 2)
 *	B1, B2	each linked to E (1) or to nothing	(2)
 *	E	version 1 or 2
 *	C	child of R (1) or of nobody		(2)
 *	D	child of C, version 1 or 2
 *
 * A transaction changes WRITES rows that no other has changed and not yet
 * committed, then flushes and commits.  N transactions.
 *
 * Steps of routes, thus edges: A to R by R's value, B to A by A's, E to B, D to
 * C.  None from C to R: C has the key in it.
 *
 * With NO_READER, NO_WRITER, NO_WALK, NO_KEY_LOCK or EARLY_SNAPSHOT that part of
 * the protocol is left out, and spin must find where it goes wrong.
 */
#ifndef N
#define N 2
#endif
#ifndef WRITES
#define WRITES 2
#endif

#define R	0
#define A	0					/* A + 1, A + 2: as linked */
#define B	2					/* B + 1, B + 2 */
#define E	5
#define C	6
#define D	7
#define ROWS	8

/* what is locked, in order */
#define EDGE_A	0					/* + 1, + 2: by R's value */
#define EDGE_D	3
#define EDGE_B	3					/* + 1, + 2: by an A's value */
#define EDGE_E	6
#define KEY	7
#define LOCKS	8

byte row[ROWS];					/* as committed */
byte changed_by[ROWS];			/* who has changed it and not committed */
byte readers[LOCKS];			/* sets of transactions */
byte writers[LOCKS];
short stored;					/* the TVIEW's row */
byte finished;

#define me		(1 << self)
#define is(x)	(changed_by[x] == self + 1)
#define see(x)	(is(x) -> mine[x] : COMMITTED(x))

#ifdef EARLY_SNAPSHOT
#define COMMITTED(x)	early[x]
#else
#define COMMITTED(x)	row[x]
#endif

/* what the view says, given how a row is seen */
#define seen_a(s)	(s(R) == 0 -> 0 : s(A + s(R)))
#define seen_b(s)	(seen_a(s) == 0 -> 0 : s(B + seen_a(s)))
#define seen_e(s)	(seen_b(s) == 1 -> s(E) : 0)
#define view(s)		(s(R) == 0 -> 0 : 1 + s(R) + 3 * seen_a(s) + 9 * seen_b(s) + 27 * seen_e(s) \
					+ (s(C) == 1 -> 81 * (1 + s(D)) : 0))
#define committed(x)	row[x]

/* one lock: as reader, as writer, as both at once, or not at all */
inline lock(object, as_reader, as_writer)
{
	atomic {
		(!(as_reader) || (writers[object] & ~me) == 0) &&
		(!(as_writer) || (readers[object] & ~me) == 0);
		if
		:: as_reader -> readers[object] = readers[object] | me
		:: else
		fi;
		if
		:: as_writer -> writers[object] = writers[object] | me
		:: else
		fi
	}
}

#ifdef NO_READER
#define reader(x)	false
#else
#define reader(x)	(x)
#endif
#ifdef NO_WRITER
#define writer(x)	false
#else
#define writer(x)	(x)
#endif

proctype transaction(byte self)
{
	byte mine[ROWS];			/* what it has changed rows to */
	byte before[ROWS];			/* what they were */
	byte walked[ROWS];			/* rows to walk back from: their value */
	byte i, x, v;
	bool finds;
	short result;
#ifdef EARLY_SNAPSHOT
	byte early[ROWS];
#endif

	/* statements */
	do
	:: i < WRITES ->
		atomic {
			select(x : 0 .. ROWS - 1);
			select(v : 0 .. 2);
			if
			:: changed_by[x] == 0 && row[x] != v ->
				before[x] = row[x];
				changed_by[x] = self + 1;
				mine[x] = v
			:: else					/* nothing, this time */
			fi;
			i++; x = 0; v = 0
		}
	:: else -> break
	od;

#ifdef EARLY_SNAPSHOT
	atomic { for (i : 0 .. ROWS - 1) { early[i] = row[i] } }
#endif

	/* rows that are new or linked anew; a version of E or D links nothing */
	atomic {
		for (i : 0 .. B + 2) { walked[i] = (is(i) -> mine[i] : 0) }
		walked[C] = (is(C) -> mine[C] : 0);
		i = 0
	}

	/* the value of R: who changes that A; and C's: who changes D */
	lock(EDGE_A + 1, reader(walked[R] == 1), writer(is(A + 1)));
	lock(EDGE_A + 2, reader(walked[R] == 2), writer(is(A + 2)));
	lock(EDGE_D, reader(walked[C] != 0), writer(is(D)));
#ifndef NO_WALK
	atomic {
		if
		:: reader(walked[R] != 0) -> walked[A + walked[R]] = see(A + walked[R])
		:: else
		fi
	}
#endif
	/* the values of such A: who changes that B */
	lock(EDGE_B + 1, reader(walked[A + 1] == 1 || walked[A + 2] == 1), writer(is(B + 1)));
	lock(EDGE_B + 2, reader(walked[A + 1] == 2 || walked[A + 2] == 2), writer(is(B + 2)));
#ifndef NO_WALK
	atomic {
		if
		:: reader(walked[A + 1] != 0) -> walked[B + walked[A + 1]] = see(B + walked[A + 1])
		:: else
		fi;
		if
		:: reader(walked[A + 2] != 0) -> walked[B + walked[A + 2]] = see(B + walked[A + 2])
		:: else
		fi
	}
#endif
	lock(EDGE_E, reader(walked[B + 1] == 1 || walked[B + 2] == 1), writer(is(E)));

	/* routes: does a change lead to the key? */
	atomic {
		finds = is(R) || (is(C) && (before[C] == 1 || mine[C] == 1)) || (is(D) && see(C) == 1);
		if
		:: see(R) != 0 && (is(A + see(R)) || (see(A + see(R)) != 0 &&
				(is(B + see(A + see(R))) || (see(B + see(A + see(R))) == 1 && is(E))))) ->
			finds = true
		:: else
		fi;
		for (i : 0 .. ROWS - 1) { walked[i] = 0; before[i] = 0 }
		i = 0
	}
	if
	:: finds ->
#ifndef NO_KEY_LOCK
		lock(KEY, true, true);
#endif
		result = view(see)
	:: else
	fi;

	/* commit */
	atomic {
		for (i : 0 .. ROWS - 1) {
			if
			:: is(i) -> row[i] = mine[i]; changed_by[i] = 0
			:: else
			fi;
			mine[i] = 0
		}
		for (i : 0 .. LOCKS - 1) {
			readers[i] = readers[i] & ~me;
			writers[i] = writers[i] & ~me
		}
		if
		:: finds -> stored = result
		:: else
		fi;
		result = 0; finds = false; i = 0;
		finished++
	}
}

init
{
	byte i;

	atomic {
		if						/* all there; the middle, or both ends, missing */
		:: row[R] = 1; row[A + 1] = 1; row[A + 2] = 2; row[B + 1] = 1; row[B + 2] = 1; row[E] = 1; row[C] = 1; row[D] = 1
		:: row[R] = 1; row[B + 1] = 1; row[E] = 1; row[D] = 1
		:: row[A + 1] = 1; row[B + 1] = 2; row[C] = 2
		fi;
		stored = view(committed);
		i = 0;
		do
		:: i < N -> run transaction(i); i++
		:: else -> break
		od
	}
	finished == N;
	assert(stored == view(committed))
}
