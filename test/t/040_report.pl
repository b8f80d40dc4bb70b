# scripts/report: one HTML page about the TVIEWs of a database, whatever they
# are called and however broken they are.  How it looks in a browser is the
# business of test/browser.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $report = abs_path(dirname(__FILE__) . '/../../scripts/report');
my $node = TviewCluster->fresh('main',
	conf => "shared_preload_libraries = 'pg_tviews'");

# The page, what the program says, and its exit status.
sub page
{
	my ($db, @options) = @_;
	my ($out, $err) = ('', '');

	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => $db,
		PATH => $node->config_data('--bindir') . ":$ENV{PATH}");
	IPC::Run::run([ $report, @options ], '>', \$out, '2>', \$err);
	return ($out, $err, $? >> 8);
}

# Is every element that is opened closed, in order, and every attribute quoted?
sub well_formed
{
	my ($html, $name) = @_;
	my (@open, @wrong);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	push @wrong, 'no doctype' unless $html =~ s/^<!DOCTYPE html>//;
	$html =~ s/<style>.*?<\/style>//s;
	while ($html =~ /<([^>]*)>?/g)
	{
		my $tag = $1;
		if ($tag =~ m{^/(\w+)$})
		{
			push @wrong, "</$1>" unless @open && pop(@open) eq $1;
		}
		elsif ($tag =~ m{^(\w+)((?: [\w-]+="[^"<]*")*)(/?)$})
		{
			push @open, $1 unless $3 || $1 eq 'meta';
		}
		else { push @wrong, "<$tag>"; }
	}
	push @wrong, "still open: @open" if @open;
	$html =~ s/<[^>]*>//g;
	push @wrong, "&$1" while $html =~ /&((?!(?:amp|lt|gt|quot|#\d+);).{0,9})/g;
	is(join(' ', @wrong), '', $name);
	return;
}

# Hostile names, a slow route, a full refresh, and an error with a tag in it.
$node->sql(q{
	CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text, n text DEFAULT '1');
	CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int, title text);
	CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name
		FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
	CREATE TABLE tv_total AS SELECT pk_user AS pk_total, (SELECT count(*) FROM tb_post) AS n
		FROM tb_user;
	SELECT pg_tviews_create('"tv_<script>owned=1</script>&""''"',
		'SELECT pk_user AS k, n::int FROM tb_user', '{k}');
	INSERT INTO tb_user VALUES (1, 'Ada');
	INSERT INTO tb_post VALUES (1, 1, 'Notes');
});
$node->psql('postgres', q{UPDATE tb_user SET n = '<img src="x" onerror="owned=1">'});

my ($html, $err, $rc) = page('postgres');
is("$rc$err", '0', 'a page');
well_formed($html, 'well-formed');
unlike($html, qr/<(script|img|link|iframe)\b|\b(src|href|on\w+)\s*=\s*["']?\w(?![^<]*&quot;)|url\(|\@import/i,
	'nothing active, nothing from elsewhere');
like($html, qr/<meta name="viewport"/, 'for phones');
like($html, qr/prefers-color-scheme: dark/, 'for the night');
like($html, qr/<svg .*public\.tv_post.*<\/svg>/s, 'the graph');
like($html, qr/public\.&quot;tv_&lt;script&gt;owned=1&lt;\/script&gt;&amp;&quot;&quot;'&quot;/,
	'a hostile name');
like($html, qr/invalid input syntax for type integer: &quot;&lt;img src=/, 'a hostile error');
like($html, qr/<td[^>]*>full_refreshes<\/td><td class="WARNING" data-label="Status">WARNING</,
	'health');
like($html, qr/<b class="WARNING">WARNING<\/b> health/, 'in sum');
like($html, qr/<b class="OK">equal<\/b> validation/, 'validation');
like($html, qr/data-label="Command">CREATE INDEX ON public\.tb_post \(fk_user\);<.*data-label="For">public\.tv_post</,
	'a missing index');
like($html, qr/Slowest refreshes<\/h2>.*data-label="TVIEW">public\.tv_total<.*data-label="Full refreshes">1</s,
	'slow TVIEWs');
like($html, qr/Statistics<\/h2>.*public\.tv_post<\/td><td class="number" data-label="Refreshes">[1-9]</s,
	'statistics');

# Whoever monitors need not own anything.
$node->sql('CREATE ROLE monitor LOGIN IN ROLE pg_monitor, pg_read_all_data');
($html, $err, $rc) = page('postgres', '-U', 'monitor');
is("$rc$err", '0', 'as a monitoring role');
like($html, qr/<b class="OK">equal</, 'the same page');

# Rows that differ are told, unless nobody wants to wait for that.
$node->sql(q{ALTER TABLE tb_user DISABLE TRIGGER USER; UPDATE tb_user SET name = 'Bob'});
($html, $err, $rc) = page('postgres');
is("$rc$err", '0', 'with rows that differ');
well_formed($html, 'well-formed');
like($html, qr/<b class="ERROR">\d+ issues<\/b> validation/, 'in sum');
like($html, qr/data-label="Issue">rows different</, 'and one by one');
($html, $err, $rc) = page('postgres', '-v', 'validate=off');
is("$rc$err", '0', 'without validation');
unlike($html, qr/rows different/, 'nothing compared');
like($html, qr/not run<\/b> validation/, 'and told so');

# A TVIEW without its view, one without its table, and statistics off.
$node->sql(q{ALTER TABLE tb_user ENABLE TRIGGER USER});
$node->sql(q{
	SET session_replication_role = replica;
	ALTER EVENT TRIGGER pg_tviews_ddl_start DISABLE;
	ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE;
	ALTER EVENT TRIGGER pg_tviews_sql_drop DISABLE;
	DROP VIEW v_post;
	DROP TABLE tv_total;
});
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\npg_tviews.enable_stats = off");
$node->restart;
($html, $err, $rc) = page('postgres');
is("$rc$err", '0', 'with broken TVIEWs');
well_formed($html, 'well-formed');
like($html, qr/<b class="ERROR">ERROR<\/b> health/, 'health');
like($html, qr/data-label="Issue">view missing</, 'a missing view');
like($html, qr/data-label="Issue">table missing</, 'a missing table');

# Nothing there, and not even the extension.
$node->sql('CREATE DATABASE "<i>"');
($html, $err, $rc) = page('<i>');
isnt($rc, 0, 'without the extension');
is($html, '', 'no page');
like($err, qr/pg_tviews_is_not_installed/, 'but a reason');
$node->safe_psql('<i>', 'CREATE SCHEMA "a b"; CREATE EXTENSION pg_tviews SCHEMA "a b"');
($html, $err, $rc) = page('<i>');
is("$rc$err", '0', 'without TVIEWs');
well_formed($html, 'well-formed');
like($html, qr/<title>TVIEWs of &lt;i&gt;<\/title>/, 'its database');
$node->stop;
done_testing();
