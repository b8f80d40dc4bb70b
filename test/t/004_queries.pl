# How many queries keeping a TVIEW takes: as pg_stat_statements counts them, one
# to find what a source affects and one to compute it, whatever the number of
# rows and statements, and both planned once.
use strict;
use warnings;
use Test::More;
use TviewCluster;

my $node = TviewCluster->fresh('main', conf => <<'CONF');
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
pg_stat_statements.track_planning = on
CONF
$node->sql(q{
	CREATE EXTENSION pg_stat_statements;
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	CREATE INDEX ON tb_post (fk_user);
	INSERT INTO tb_user SELECT i, i FROM generate_series(1, 500) i;
	INSERT INTO tb_post SELECT i, i % 500 + 1, i FROM generate_series(1, 1000) i;
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name
		FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
});
my $counted = q{SELECT format('%s run, %s planned', coalesce(sum(calls), 0), coalesce(sum(plans), 0))
	FROM pg_stat_statements WHERE query !~ '^(BEGIN|COMMIT|UPDATE|SELECT pg_stat_statements_reset|SELECT format)';};

# the queries that are run on behalf of one transaction, after others like it
sub counts
{
	my ($expected, $name, @statements) = @_;
	my $transaction = join("\n", 'BEGIN;', (map { "$_;" } @statements), 'COMMIT;');
	my $found = $node->sql(join("\n", ($transaction) x 8,
		'SELECT pg_stat_statements_reset() IS NULL;', $transaction, $counted));
	is((split /\n/, $found)[-1], $expected, $name);
	$node->checked(1, "after $name");
	return;
}

counts('1 run, 0 planned', 'rows that have the key in them',
	q{UPDATE tb_post SET title = title || '.' WHERE pk_post = 1});
counts('1 run, 0 planned', '900 such rows', q{UPDATE tb_post SET title = title || '.' WHERE pk_post <= 900});
counts('2 run, 0 planned', 'a row behind a route', q{UPDATE tb_user SET name = name || '.' WHERE pk_user = 1});
counts('2 run, 0 planned', '400 such rows', q{UPDATE tb_user SET name = name || '.' WHERE pk_user <= 400});
counts('2 run, 0 planned', 'twenty statements',
	map { "UPDATE tb_user SET name = name || '.' WHERE pk_user = $_" } 1 .. 20);
counts('2 run, 0 planned', 'both tables',
	q{UPDATE tb_user SET name = name || '.' WHERE pk_user <= 3}, q{UPDATE tb_post SET title = title || '.' WHERE pk_post = 9});
counts('0 run, 0 planned', 'equal values', q{UPDATE tb_user SET name = name});

# a few rows are asked for by key also where a grouped subquery is joined by it,
# which = ANY does not reach: the blocks of the two queries, after others like them
sub few_blocks
{
	my ($name, $statement) = @_;
	my $found = $node->sql(join("\n", ("$statement;") x 2, 'SELECT pg_stat_statements_reset() IS NULL;', "$statement;",
		q{SELECT format('%s of %s', sum(shared_blks_hit + shared_blks_read) < 200, count(*)) FROM pg_stat_statements
			WHERE query ~ 'v_(hits|pair)'}));
	is((split /\n/, $found)[-1], 't of 2', $name);
	$node->checked(3, "after $name");
	return;
}

$node->sql(q{
	CREATE TABLE tb_hit (pk_hit int PRIMARY KEY, fk_post int, k int, n int);
	INSERT INTO tb_hit SELECT i, i % 30000 + 1, i % 3, i FROM generate_series(1, 90000) i;
	CREATE INDEX ON tb_hit (fk_post, k);
	INSERT INTO tb_post SELECT i, i % 500 + 1, i FROM generate_series(1001, 30000) i;
	ANALYZE;
	CREATE TABLE tv_hits AS SELECT p.pk_post AS pk_hits, p.title, h.n
		FROM tb_post p LEFT JOIN (SELECT fk_post, sum(n) AS n FROM tb_hit GROUP BY fk_post) h ON h.fk_post = p.pk_post;
	CREATE TABLE tb_pair (a int, b int, title text, PRIMARY KEY (a, b));
	INSERT INTO tb_pair SELECT i, k, i FROM generate_series(1, 10000) i, generate_series(0, 2) k;
	ANALYZE tb_pair;
	SELECT pg_tviews_create('pair', 'SELECT p.a, p.b, p.title, h.n FROM tb_pair p LEFT JOIN
		(SELECT fk_post, k, sum(n) AS n FROM tb_hit GROUP BY fk_post, k) h ON h.fk_post = p.a AND h.k = p.b', ARRAY['a', 'b']);
});
few_blocks('two rows with a grouped subquery', q{UPDATE tb_hit SET n = n + 1 WHERE pk_hit IN (29900, 29901)});
few_blocks('moved between them', q{UPDATE tb_hit SET fk_post = 59803 - fk_post WHERE pk_hit = 29900});
few_blocks('all of ten', q{DELETE FROM tb_hit WHERE fk_post IN (SELECT fk_post FROM tb_hit ORDER BY fk_post DESC LIMIT 10)});

# many too, as long as the planner thinks that it pays, which it is made to here
sub asked
{
	my ($expected, $name, $page_cost, $statement) = @_;
	my $found = $node->sql(join("\n", "SET random_page_cost = $page_cost;", 'SELECT pg_stat_statements_reset() IS NULL;',
		"$statement;", q{SELECT CASE WHEN bool_or(query ~ 'LATERAL') THEN 'one by one' ELSE 'whole' END FROM pg_stat_statements
			WHERE query ~ 'v.pk_(hits|post) OPERATOR' AND calls > 0}));
	is((split /\n/, $found)[-1], $expected, $name);
	$node->checked(3, "after $name");
	return;
}

asked('one by one', 'many rows with a grouped subquery', 0.01,
	q{UPDATE tb_hit SET n = n + 1 WHERE pk_hit BETWEEN 20000 AND 21500});
asked('whole', 'too many for that', 4, q{UPDATE tb_hit SET n = n + 1 WHERE pk_hit BETWEEN 10000 AND 29000});
asked('one by one', 'some', 4, q{UPDATE tb_hit SET n = n + 1 WHERE pk_hit BETWEEN 20000 AND 20020});
asked('whole', 'fewer than a thousand, too many', 40,
	q{UPDATE tb_hit SET n = n + 1 WHERE pk_hit BETWEEN 10000 AND 10900});
# a plain join is not, whatever has been planned before
asked('whole', 'a plain join', 4,
	q{UPDATE tb_post SET title = title || '.' WHERE pk_post = 1; UPDATE tb_post SET title = title || '.' WHERE pk_post <= 20});

done_testing();
