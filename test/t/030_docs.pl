# The documents: docs/reference.md has what the catalog has, and the SQL of each
# page runs, from top to bottom in a database of its own.  A block that begins
# with "sql fails" is one statement that must raise an error.  A block that
# begins with "text" and follows one of SQL is what psql prints for that: its
# tables without the number of rows, or the error.
use strict;
use warnings;
use Test::More;
use File::Basename qw(dirname);
use File::Find;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $docs = dirname(__FILE__) . '/../../docs';
my $node = TviewCluster->fresh('main');

# What is in the catalog must have a heading of its own, and its columns a line
# in the table below that; and no heading without the object.
my %section;
my $heading = '';
for my $line (split /\n/, slurp_file("$docs/reference.md"))
{
	$heading = $1 if $line =~ /^### `(pg_tview\w*(?:\(.*\))?)`$/;
	$heading = '' if $line =~ /^## /;
	$section{$heading} .= "$line\n" if $heading ne '';
	$section{settings} .= "$line\n" if $line =~ /^\| `pg_tviews\./;
}
my %expected;
my $functions = $node->sql(q{
	SELECT p.proname || '(' || coalesce((SELECT string_agg(a, ', ' ORDER BY i)
			FROM regexp_split_to_table(pg_get_function_arguments(p.oid), ', ') WITH ORDINALITY x (a, i)
			WHERE a !~ '^OUT '), '') || ')',
		coalesce((SELECT string_agg(n, ' ' ORDER BY i)
			FROM unnest(p.proargnames, p.proargmodes) WITH ORDINALITY x (n, m, i)
			WHERE m IN ('o', 't')), '')
	FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_tviews')
		AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)});
my $relations = $node->sql(q{
	SELECT c.relname, string_agg(a.attname, ' ' ORDER BY a.attnum)
	FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass
	JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND c.relkind IN ('r', 'v')
		AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_tviews')
	GROUP BY 1});
for my $row (split /\n/, "$functions\n$relations")
{
	my ($name, $columns) = split /\|/, $row;
	$expected{$name} = 1;
	ok(exists $section{$name}, "$name is documented");
	my @documented = ($section{$name} // '') =~ /^\| `(\w+)`/mg;
	is("@documented", $columns // '', "columns of $name");
}
for my $name (grep { $_ ne 'settings' } sort keys %section)
{
	ok($expected{$name}, "$name exists");
}
my @settings = $section{settings} =~ /^\| `(pg_tviews\.\w+)`/mg;
is(join("\n", @settings),
	$node->sql(q{SELECT pg_tviews_stats_reset(); SELECT name FROM pg_settings WHERE name LIKE 'pg_tviews.%' ORDER BY 1}) =~ s/^\n//r,
	'settings');

my %default = $section{settings} =~ /^\| `(pg_tviews\.\w+)` \| `([^`]+)`/mg;
for my $name (sort keys %default)
{
	is($default{$name}, $node->sql("SELECT pg_tviews_stats_reset(); SHOW $name") =~ s/^\n//r, "default of $name");
}

# What was printed, without white space at the end of lines or of it all.
sub plain
{
	my ($text) = @_;

	return $text =~ s/[ \t]+$//mgr =~ s/\s*\z/\n/r;
}

# The SQL.  The first page of all takes tables for granted.
my %before = ('../README.md' => q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	INSERT INTO tb_user VALUES (1, 'Ada');
	INSERT INTO tb_post VALUES (1, 1, 'Notes')});
my @pages = ("$docs/../README.md");
find(sub { push @pages, $File::Find::name if /\.md$/ }, $docs);
my $number = 0;
for my $page (sort @pages)
{
	my $text = slurp_file($page);
	my $name = substr($page, length("$docs/"));
	next unless $text =~ /^```sql/m;
	# a guide, which 209_guides.pl runs
	next if $text =~ /^## Parameters$/m;
	my $database = 'docs' . ++$number;
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $before{$name}) if $before{$name};
	while ($text =~ /^```sql( fails)?\n(.*?)^```\n(?:\n?```text\n(.*?)^```)?/msg)
	{
		my ($fails, $sql, $shown) = ($1, $2, $3);
		my ($out, $err);
		my $rc = $node->psql($database, $sql, stdout => \$out, stderr => \$err,
			on_error_stop => 1, extra_params => [
				'-P', 'format=aligned', '-P', 'tuples_only=off', '-P', 'footer=off' ]);
		my $line = 1 + (substr($text, 0, pos($text)) =~ tr/\n//);
		my $said = $fails ? $err =~ s/^psql:<stdin>:\d+: //mgr : "$out\n";
		if ($fails) { isnt($rc, 0, "$name, before line $line: fails"); }
		else { is($rc, 0, "$name, before line $line") or diag($err); }
		is(plain($said), plain($shown), "$name, before line $line: as shown")
			if defined $shown;
	}
	my $wrong = $node->safe_psql($database,
		q{SELECT count(*) FROM pg_extension WHERE extname = 'pg_tviews'}) eq '1' ?
		$node->safe_psql($database, 'SELECT * FROM pg_tviews_validate()') : '';
	is($wrong, '', "$name leaves healthy TVIEWs");
}
$node->stop;
done_testing();
