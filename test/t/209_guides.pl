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
	my $node = TviewCluster->fresh($name, bare => 1, %opt);

	$node->sql('CREATE DATABASE shop');
	fill($node, 'shop');
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

# Takes pg_tviews out of the copy.
sub strip
{
	unlink "$library/pg_tviews.so", glob "$share/extension/pg_tviews*";
	return;
}

strip();
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

# pg_tviews: a patch version and back; then 0.1 to 0.2, and back in both ways.
$node->sql('CREATE DATABASE old');
fill($node, 'old', '0.1.0');
my %extension = (BIN => $bin, FROM => '0.1.0', TARGET => '0.1.1', BACKUP => scratch('patch'),
	PGDATABASE => 'old');
my $patch = 'upgrade/extension/extension-minor-update.md';
follow($node, $patch, \%extension, 'Prepare', 'Update', 'Validation', 'Watching versions');
alive($node, 'patch version', 'old');
follow($node, $patch, \%extension, 'Rollback');
alive($node, 'patch version, and back', 'old');
is($node->sql('SELECT pg_tviews_version()', 'old'), '0.1.0', 'version after the rollback');

# What the scripts' exit statuses say, beside the 0 that the guides rely on.
sub exits
{
	my ($status, $name, $db, @command) = @_;
	my $script = "$guides/" . ($command[-1] =~ /^(?:health-check)/ ? 'runbooks/scripts' : 'upgrade/scripts') . "/$command[-1]";

	$script = "$top/docs/upgrade/$command[-1]" if $command[-1] =~ /^0\.1/;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $ENV{WRONG_PORT} // $node->port, PGDATABASE => $db);
	pop @command;
	IPC::Run::run([ $script =~ /sql$/ ? ('psql', '-X', @command, '-f', $script) : ($script, @command) ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	is($? >> 8, $status, "exit status of " . ($script =~ s{.*/}{}r) . ": $name");
	return;
}

foreach my $script ('pre-upgrade-checks.sh', 'post-upgrade-validation.sql', 'upgrade-extension.sql', 'health-check.sql',
	'0.1-to-0.2-migration.sql')
{
	local $ENV{WRONG_PORT} = 1;
	exits(2, 'no server', 'old', $script);
	delete $ENV{WRONG_PORT};
	exits($script =~ /sh$/ ? 1 : 3, 'no extension', 'template1', $script);
}
exits(2, 'no such option', 'old', '--what', 'pre-upgrade-checks.sh');
exits(0, 'a backup', 'old', '--backup', $0, '--max-age', 1000000, 'pre-upgrade-checks.sh');
exits(1, 'no backup', 'old', '--backup', '/nonexistent', 'pre-upgrade-checks.sh');
exits(3, 'strict', 'old', '-v', 'strict=1', 'health-check.sql');
exits(3, 'another version', 'old', '-v', 'expected_version=9.9', 'post-upgrade-validation.sql');
exits(3, 'another number', 'old', '-v', 'expected_tviews=9', 'post-upgrade-validation.sql');
exits(3, 'no such version', 'old', '-v', 'target=9.9', 'upgrade-extension.sql');
exits(0, 'already there', 'old', '-v', 'target=0.1.0', 'upgrade-extension.sql');
$node->sql('SET client_min_messages = error; ALTER TABLE tb_user DISABLE TRIGGER pg_tviews_update', 'old');
exits(1, 'a disabled trigger', 'old', 'pre-upgrade-checks.sh');
exits(3, 'a disabled trigger', 'old', $_) foreach 'health-check.sql', 'post-upgrade-validation.sql', '0.1-to-0.2-migration.sql';
is($node->sql('SELECT pg_tviews_version()', 'old'), '0.1.0', 'and nothing has changed');
$node->sql('ALTER TABLE tb_user ENABLE TRIGGER pg_tviews_update', 'old');

my $code = scratch('code');
append_to_file("$code/job.sql", "SELECT 1;\nSELECT pg_tviews_refresh_one('post', 42);\n");
$node->sql(q{CREATE FUNCTION nightly() RETURNS bigint LANGUAGE sql
	AS 'SELECT pg_tviews_refresh_all()'}, 'old');
%extension = (BIN => $bin, FROM => '0.1.0', CODE => $code, BACKUP => scratch('migration'),
	PGDATABASE => 'old');
my $migration = 'upgrade/extension/0.1-to-0.2-migration.md';
follow($node, $migration, \%extension, 'Prepare', 'Migrate', 'Validation');
like(slurp_file("$extension{BACKUP}/code-to-change"), qr/^\S+job.sql:2:/, 'finds what has to change');
alive($node, '0.1 to 0.2', 'old');
follow($node, $migration, \%extension, 'Back by restore');
alive($node, '0.1 to 0.2, and back by restore', 'old_former');
$node->sql('DROP DATABASE old_former');
follow($node, $migration, \%extension, 'Back by update');
alive($node, '0.1 to 0.2, and back by update', 'old');
is($node->sql('SELECT pg_tviews_version()', 'old'), '0.1.0', 'version after the rollback');
$node->sql('CREATE DATABASE rust');
$node->load_kit('rust');
$node->sql(slurp_file("$top/test/rust/old.sql"), 'rust');
follow($node, $migration, { %extension, PGDATABASE => 'rust' }, 'From the implementation in Rust');
$node->sql(q{UPDATE tb_user SET name = name || '!'}, 'rust');
$node->checked(2, 'taken over: maintained', 'rust');
$node->stop;

# Troubleshooting: each issue is caused, and repaired by what the page says.
$node = shop('trouble', allows_streaming => 1);
my $trouble = 'upgrade/postgresql/troubleshooting-upgrades.md';
my %trouble = (BIN => $new_bin, DATA => $node->data_dir, WORK => scratch('trouble'));

sub issue
{
	my ($number, %other) = @_;
	my ($heading) = slurp_file("$guides/$trouble") =~ /^## (Issue $number: .*)$/m;

	follow($node, $trouble, { %trouble, %other }, $heading);
	alive($node, $heading, $other{PGDATABASE});
	return;
}

strip();
my $upgraded = scratch('upgraded') . '/data';
my @pg_upgrade = ("$new_bin/pg_upgrade", '--check', '-b', $bin, '-B', $new_bin, '-d', $node->data_dir,
	'-D', $upgraded, '-p', $node->port, '-s', dirname($upgraded));
{
	local $ENV{LC_ALL} = 'C';
	system_or_bail("$new_bin/initdb", '-D', $upgraded, '--no-sync', '--encoding=UTF8', '--locale=C');
}
chdir dirname($upgraded) or die;
command_checks_all([@pg_upgrade], 1, [qr/loadable libraries that are missing/], [qr/^/],
	'pg_upgrade --check lacks the library');
issue(1, DATA => $upgraded);
command_ok([@pg_upgrade], 'pg_upgrade --check: repaired');
chdir $top or die;

strip();
system_or_bail('pg_ctl', '-D', $node->data_dir, '-m', 'fast', '-w', 'stop');
system_or_bail("$new_bin/pg_ctl", '-D', $node->data_dir, '-l', $node->logfile, '-w', 'start');
my ($out, $err);
isnt($node->psql('shop', 'UPDATE tb_user SET name = name', stderr => \$err), 0, 'no library, no writes');
like($err, qr/could not access file "(\$libdir\/)?pg_tviews"/, 'and says so');
issue(2);

$node->sql('SET client_min_messages = error; ALTER TABLE tb_user DISABLE TRIGGER USER; UPDATE tb_user SET name = 7', 'shop');
isnt($node->sql('SELECT count(*) FROM pg_tviews_validate()', 'shop'), 0, 'disabled triggers');
issue(3);
is($node->sql(q{SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgfoid = 'pg_tviews_capture'::regproc}, 'shop'), 'A', 'enabled as before');

$node->sql("BEGIN; UPDATE tb_user SET name = 'p' WHERE pk_user = $_; PREPARE TRANSACTION 'it''s $_'", 'shop')
  foreach 18, 19;
{
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'shop');
	ok(!IPC::Run::run([ "$guides/upgrade/scripts/pre-upgrade-checks.sh" ], '<', \undef, '>', \$out),
		'prepared transactions are found');
}
like($out, qr/❌ 2 prepared transactions: .*'it''s 18'/, 'and named');
issue(4);

$node->sql(q{DELETE FROM pg_tview_meta WHERE entity = 'post'}, 'shop');
isnt($node->psql('shop', q{SELECT pg_tviews_refresh('post')}, stderr => \$err), 0, 'no metadata');
like($err, qr/Metadata not found for TVIEW: post/, 'and says so');
issue(5);

$node->sql('DROP INDEX tb_post_fk_user_idx', 'shop');
issue(6);
is($node->sql(q{SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%tb_post % (fk_user)'}, 'shop'), 1, 'the index is back');

$node->sql('ALTER EVENT TRIGGER pg_tviews_ddl_end DISABLE', 'shop');
issue(7);

my $ratio = q{
	CREATE TABLE tb_ratio (pk_ratio int PRIMARY KEY, n int);
	INSERT INTO tb_ratio VALUES (1, 4);
	SET client_min_messages = error;
	CREATE TABLE tv_ratio AS SELECT pk_ratio, 100 / n AS share FROM tb_ratio};
$node->sql($ratio, 'shop');
$node->sql(q{SET client_min_messages = error; SET pg_tviews.on_error = 'stale'; UPDATE tb_ratio SET n = 0}, 'shop');
$node->sql('UPDATE tb_ratio SET n = 5', 'shop');
is($node->sql('SELECT issue FROM pg_tviews_validate()', 'shop'), 'stale', 'stale');
follow($node, $trouble, \%trouble, 'Issue 8: TVIEWs are stale');
$node->checked(3, 'stale no more', 'shop');
$node->sql('DROP TABLE tv_ratio, tb_ratio', 'shop');

issue(9);

foreach my $issue (10, 12)
{
	my $db = "older$issue";
	$node->sql("CREATE DATABASE $db");
	fill($node, $db, '0.1.1');
	$node->sql('CREATE VIEW "my own" AS SELECT entity_name AS name FROM pg_tviews_metadata', $db) if $issue == 10;
	issue($issue, PGDATABASE => $db);
	is($node->sql('SELECT pg_tviews_version()', $db), '0.2.0', "issue $issue: updated");
}
is($node->sql('SELECT count(*) FROM "my own"', 'older10'), 2, 'the view is there again');

issue(11);
follow($node, $trouble, \%trouble, 'First', 'Validation');

# Emergencies: each measure, and the way back.
my $emergency = 'runbooks/04-incident-response/emergency-procedures.md';
my %emergency = (TVIEW => 'public.tv_post', WORK => scratch('emergency'));
$node->sql($ratio, 'shop');

sub measure
{
	my (@headings) = @_;

	follow($node, $emergency, \%emergency, @headings);
	return;
}

sub unharmed
{
	my ($name) = @_;

	$node->sql(q{
		UPDATE tb_user SET name = name || '*' WHERE pk_user < 4;
		UPDATE tb_ratio SET n = n + 1}, 'shop');
	$node->checked(3, $name, 'shop');
	return;
}

measure('First: look, and keep what you see', 'Measure 1: a TVIEW\'s rows are wrong');
unharmed('measure 1');
isnt($node->psql('shop', 'UPDATE tb_ratio SET n = 0', stderr => \$err), 0, 'a query fails');
like($err, qr/CONTEXT:.*refreshing TVIEW public\.tv_ratio/s, 'and names its TVIEW');
measure('Measure 2: writes fail with an error from a TVIEW\'s query');
$node->poll_query_until('shop', q{SELECT current_setting('pg_tviews.on_error', true) = 'stale'}) or die;
$node->sql('SET client_min_messages = error; UPDATE tb_ratio SET n = 0', 'shop');
$node->sql('UPDATE tb_ratio SET n = 4', 'shop');
measure('Back from measure 2');
$node->poll_query_until('shop', q{SELECT coalesce(current_setting('pg_tviews.on_error', true), 'abort') <> 'stale'}) or die;
unharmed('measure 2, and back');
measure('Measure 3: writes are too slow, or wait for each other');
$node->sql('UPDATE tb_user SET name = 1; DELETE FROM tb_post WHERE pk_post > 90', 'shop');
measure('Back from measure 3');
unharmed('measure 3, and back');
is($node->sql(q{SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgfoid = 'pg_tviews_capture'::regproc}, 'shop'), 'A', 'enabled as before');
measure('Measure 4: one TVIEW has to go');
$node->checked(2, 'measure 4', 'shop');
measure('Back from measure 4');
unharmed('measure 4, and back');
measure('Measure 5: pg_tviews has to go');
is($node->sql(q{UPDATE tb_user SET name = 'free'; SELECT to_regclass('tv_user')}, 'shop'), '', 'measure 5');
measure('Back from measure 5', 'Validation');
unharmed('measure 5, and back');
measure('Measure 6: all of it anew');
unharmed('measure 6');
$node->stop;

# Disasters: backups, then a loss, then the way back.
my $disaster = 'disaster-recovery.md';
$node = shop('disaster', allows_streaming => 1);
$sockets = scratch('restored');
my %disaster = (BIN => $bin, DATA => $node->data_dir, BACKUP => scratch('backups'), ARCHIVE => scratch('archive'),
	RESTORED => $node->basedir . '/restored', RESTORED_SOCKETS => $sockets, POINT => 'before_release',
	TVIEW => 'public.tv_post');
follow($node, $disaster, \%disaster, 'Archive the WAL', 'Base backup, weekly');
alive($node, 'archiving');
follow($node, $disaster, \%disaster, 'Dump, daily', 'Before a risk: a named point');
my $rows = 'SELECT pk_user, name, posts FROM tv_user ORDER BY 1';
my $before = $node->sql($rows, 'shop');
$node->sql(q{DROP TABLE tv_post; UPDATE tb_user SET name = 'lost'; DELETE FROM tb_post}, 'shop');
follow($node, $disaster, \%disaster, 'A TVIEW');
$node->checked(2, 'a lost TVIEW', 'shop');
follow($node, $disaster, \%disaster, 'A database, from a dump');
is($node->sql($rows, 'shop_restored'), $before, 'a lost database');
alive($node, 'a lost database', 'shop_restored');
follow($node, $disaster, \%disaster, 'The server, to a point in time', 'Validation');
{
	my $restored = "host=$sockets port=" . $node->port . ' dbname=shop';

	is(run_sql($restored, $rows), $before, 'a point in time');
	run_sql($restored, q{UPDATE tb_user SET name = name || '!'; DELETE FROM tb_post WHERE pk_post > 50});
	is(run_sql($restored, 'SELECT kit.check_all()'), 2, 'a point in time: maintained');
}
follow($node, $disaster, \%disaster, 'Rollback');
$node->stop;

# A statement on a server that is not a node of ours.
sub run_sql
{
	my ($connection, $sql) = @_;
	my ($stdout, $stderr);

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $connection, '-c', $sql ],
		'<', \undef, '>', \$stdout, '2>', \$stderr) or die $stderr;
	chomp $stdout;
	return $stdout;
}

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
		my @sections = ('Prerequisites', 'Rollback', 'Success Criteria');

		# what only lists other guides has neither of its own
		push @sections, 'Downtime', 'Validation' unless $page =~ /README/;
		like($text, qr/^##+ \Q$_\E/m, "$name: $_") foreach @sections;
	}
	foreach my $link ($text =~ /\]\(([^)#:]+)(?:#[^)]*)?\)/g)
	{
		ok(-e dirname($page) . "/$link", "$name: $link is there") if $page =~ m{^$guides/(?:upgrade|disaster|runbooks/04)};
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
