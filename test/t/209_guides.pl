# The guides: their commands are run as they stand in them (see test/guide), on
# servers of their own, and leave TVIEWs that equal their views and are
# maintained.  Those about another major are followed by test/upgrade.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Find;
use Test::More;
use PostgreSQL::Test::Utils;
use TviewCluster;

my $top = abs_path(dirname(__FILE__) . '/../..');
my $guides = "$top/docs/operations";
my %followed;
my $bin = `pg_config --bindir`;
chomp $bin;

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
