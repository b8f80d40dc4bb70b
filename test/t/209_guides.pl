# The guides: their commands are run as they stand in them (see test/guide), on
# servers of their own, and leave TVIEWs that equal their views and are
# maintained.  Those about another major are followed by test/upgrade.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;
use IPC::Run ();
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $guides = "$top/docs/operations";
my %followed;
my $bin = `pg_config --bindir`;
my $library_dir = `pg_config --pkglibdir`;
chomp($bin, $library_dir);
plan skip_all => "may not install into $library_dir" unless -w $library_dir;

# A test: the commands below these headings of a page do what they should.
# parameters: what the page says that it needs, beside the server.
sub follow
{
	my ($node, $page, $parameters, @headings) = @_;
	my ($out, $err);

	local %ENV = (%ENV, SOURCE => $top, PGHOST => $node->host, PGPORT => $node->port,
		PGUSER => $ENV{PGUSER} // getpwuid($<), PGDATABASE => 'shop', MAKEFLAGS => 'with_llvm=no',
		%$parameters);
	my $ok = IPC::Run::run([ 'perl', "$top/test/guide", "$guides/$page", @headings ],
		'<', \undef, '>', \$out, '2>', \$err);
	ok($ok, "$page: " . ($headings[0] // 'all')) or diag("$out$err");
	$followed{$1} = 1 while ($out // '') =~ /^ok (\S+)/mg;
	return;
}

# A server with TVIEWs in a database "shop", and nothing of ours elsewhere.
sub shop
{
	my ($name, %opt) = @_;
	my $version = delete $opt{version};
	my $node = TviewCluster->fresh($name, bare => 1, %opt);

	$node->sql('CREATE DATABASE shop');
	fill($node, 'shop', $version);
	return $node;
}

sub fill
{
	my ($node, $db, $version) = @_;

	$node->sql('CREATE EXTENSION pg_tviews' . ($version ? " VERSION '$version'" : ''), $db);
	$node->load_kit($db);
	$node->sql(q{
		CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text);
		CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int REFERENCES tb_user, title text);
		CREATE INDEX ON tb_post (fk_user);
		INSERT INTO tb_user SELECT g, 'u' || g FROM generate_series(1, 20) g;
		INSERT INTO tb_post SELECT g, 1 + g % 20, 't' || g FROM generate_series(1, 100) g;
		SET client_min_messages = warning;
		CREATE TABLE tv_user AS SELECT u.pk_user, u.name, count(p.*) AS posts
			FROM tb_user u LEFT JOIN tb_post p ON p.fk_user = u.pk_user GROUP BY u.pk_user;
		CREATE TABLE tv_post AS SELECT p.pk_post, p.title, u.name, u.posts
			FROM tb_post p JOIN tv_user u ON u.pk_user = p.fk_user;
	}, $db);
	return;
}

# A test: both TVIEWs equal their views, also after changes.
sub alive
{
	my ($node, $name, $db) = @_;

	$db //= 'shop';
	$node->sql(q{
		UPDATE tb_user SET name = name || '!' WHERE pk_user < 4;
		INSERT INTO tb_post SELECT max(pk_post) + 1, 2, 'new' FROM tb_post;
		DELETE FROM tb_post WHERE pk_post = (SELECT min(pk_post) FROM tb_post)}, $db);
	$node->checked(2, "$name: maintained", $db);
	return;
}

sub scratch
{
	my ($name) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short() . "/$name";

	mkdir $dir or die "$dir: $!";
	return $dir;
}

# The runner notices what it is there for.
my $planted = scratch('planted') . '/page.md';
foreach my $case ([ "sh\nfalse\ntrue\n```", 0 ], [ "sh\ntrue\n```", 1 ], [ "sh\necho \$UNDECLARED\n```", 0 ],
	[ "sh fails\ntrue\n```", 0 ], [ "sh fails\nfalse\n```", 1 ], [ "sh\necho a\n```\n```output\nb\n```", 0 ],
	[ "sh\necho a\n```\n```output\na\n```", 1 ], [ "sh manual\nfalse\n```", 1 ], [ "sh\nfalse | true\n```", 0 ])
{
	local $ENV{UNDECLARED} = 'x';
	unlink $planted;
	append_to_file($planted, "# Page\n\n```$case->[0]\n");
	my $right = IPC::Run::run([ 'perl', "$top/test/guide", $planted ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
	is($right ? 1 : 0, $case->[1], "the runner: $case->[0]" =~ s/\s+/ /gr);
}

# PostgreSQL minor upgrade: the programs are replaced by a copy of them that has
# no pg_tviews yet; the settings are kept apart from the data, as Debian does.
my $copy = scratch('pg');
my $new_bin = do
{
	local $ENV{PG_CONFIG} = "$bin/pg_config";
	`bash -c '. "\$0/scripts/lib.sh"; copy_postgres "\$1"; dirname "\$PG_CONFIG"' "$top" "$copy"`;
};
chomp $new_bin;
my ($library, $share) = map { my $d = `$new_bin/pg_config $_`; chomp $d; $d } '--pkglibdir', '--sharedir';
unlink "$library/pg_tviews.so", glob "$share/extension/pg_tviews*";

my $node = shop('minor', allows_streaming => 1);
my $etc = scratch('etc');
append_to_file("$etc/postgresql.conf", slurp_file($node->data_dir . '/postgresql.conf')
	. join('', map { "$_->[0] = '" . $node->data_dir . "$_->[1]'\n" }
		[ 'data_directory', '' ], [ 'hba_file', '/pg_hba.conf' ], [ 'ident_file', '/pg_ident.conf' ]));
my %minor = (OLD_BIN => $bin, NEW_BIN => $new_bin, DATA => $etc, BACKUP => scratch('backup'));
my $minor = 'upgrade/postgresql/minor-version-upgrade.md';
follow($node, $minor, \%minor, 'Prepare', 'Upgrade', 'Validation');
alive($node, 'minor upgrade');
follow($node, $minor, \%minor, 'Rollback');
alive($node, 'minor upgrade, and back');

# Rehearsal with a copy of the server.
my $sockets = scratch('copy');
follow($node, 'upgrade/postgresql/testing-upgrade.md',
	{ OLD_BIN => $bin, COPY => $node->basedir . '/copy', COPY_SOCKETS => $sockets, COPY_PORT => 5499 });
alive($node, 'rehearsal');
$node->stop;

# pg_tviews: a patch version and back; then 0.1 to 0.2, and back in both ways.
$node = shop('extension', version => '0.1.0');
my %extension = (BIN => $bin, FROM => '0.1.0', TARGET => '0.1.1', BACKUP => scratch('patch'));
my $patch = 'upgrade/extension/extension-minor-update.md';
follow($node, $patch, \%extension, 'Prepare', 'Update', 'Validation', 'Watching versions');
alive($node, 'patch version');
follow($node, $patch, \%extension, 'Rollback');
alive($node, 'patch version, and back');
is($node->sql('SELECT pg_tviews_version()', 'shop'), '0.1.0', 'version after the rollback');

my $code = scratch('code');
append_to_file("$code/job.sql", "SELECT 1;\nSELECT pg_tviews_refresh_one('post', 42);\n");
$node->sql(q{CREATE FUNCTION nightly() RETURNS bigint LANGUAGE sql
	AS 'SELECT pg_tviews_refresh_all()'}, 'shop');
%extension = (BIN => $bin, FROM => '0.1.0', CODE => $code, BACKUP => scratch('migration'));
my $migration = 'upgrade/extension/0.1-to-0.2-migration.md';
follow($node, $migration, \%extension, 'Prepare', 'Migrate', 'Validation');
like(slurp_file("$extension{BACKUP}/code-to-change"), qr/^\S+job.sql:2:/, 'finds what has to change');
alive($node, '0.1 to 0.2');
follow($node, $migration, \%extension, 'Back by restore');
alive($node, '0.1 to 0.2, and back by restore', 'shop_former');
$node->sql('DROP DATABASE shop_former');
follow($node, $migration, \%extension, 'Back by update');
alive($node, '0.1 to 0.2, and back by update');
is($node->sql('SELECT pg_tviews_version()', 'shop'), '0.1.0', 'version after the rollback');
$node->stop;

# Each page has what a page must have; each command of each guide was run, but
# for those that only people can do.
my (@pages, @manual);
find(sub { push @pages, $File::Find::name if /\.md$/ }, "$top/docs");
foreach my $page (sort @pages)
{
	my $text = slurp_file($page);
	my $name = substr($page, length("$top/docs/"));

	if ($page =~ m{^$guides/upgrade/})
	{
		like($text, qr/^## \Q$_\E/m, "$name: $_") foreach 'Prerequisites', 'Rollback', 'Success Criteria';
	}
	next unless $text =~ /^## Parameters$/m;
	foreach my $line (split /\n/, `perl "$top/test/guide" --list "$page"`)
	{
		my ($where, $kind, @what) = split / /, $line;
		next if $where eq '#';
		if (($what[0] // '') eq 'manual') { push @manual, "$name: @what[1 .. $#what]"; next; }
		ok($followed{$where}, "$name: line " . ($where =~ s/.*://r) . ' was run')
		  unless $name =~ m{/pg1\d-to-pg1\d\.md$};
	}
}
is_deeply(\@manual,
	[
		'operations/upgrade/postgresql/minor-version-upgrade.md: Replace the programs',
		'operations/upgrade/postgresql/minor-version-upgrade.md: Rollback',
	],
	'what only people can do');
done_testing();
