/*
 * What pg_tviews 0.1.0-beta, the implementation in Rust, leaves in a database:
 * its catalog, its functions, its event trigger, two TVIEWs with their triggers.
 * For test/t/208_takeover.pl, in a database without the extension.
 *
 * The functions written in C call what our library has not, as the old ones do
 * once the library has been replaced; so do the triggers.
 */
CREATE TABLE pg_tview_meta (
	entity text PRIMARY KEY,
	view_oid oid NOT NULL,
	table_oid oid NOT NULL,
	definition text NOT NULL,
	dependencies oid[] NOT NULL DEFAULT '{}',
	fk_columns text[] NOT NULL DEFAULT '{}',
	uuid_fk_columns text[] NOT NULL DEFAULT '{}',
	dependency_types text[] NOT NULL DEFAULT '{}',
	dependency_paths text[] NOT NULL DEFAULT '{}',
	array_match_keys text[] NOT NULL DEFAULT '{}',
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE pg_tview_helpers (
	helper_name text PRIMARY KEY,
	is_helper boolean NOT NULL DEFAULT true,
	used_by text[],
	depends_on text[],
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE pg_tview_audit_log (
	log_id bigserial PRIMARY KEY,
	operation text NOT NULL,
	entity text NOT NULL,
	performed_by text NOT NULL DEFAULT current_user,
	performed_at timestamptz NOT NULL DEFAULT now(),
	details jsonb
);
CREATE VIEW pg_tviews_queue_realtime AS
SELECT current_user::text AS session, pg_backend_pid() AS backend_pid, 0 AS queue_size;

DO $$
DECLARE
	f text;
BEGIN
	FOREACH f IN ARRAY ARRAY[
		'pg_tviews_version() RETURNS text',
		'pg_tviews_create(tview_name text, select_sql text) RETURNS text',
		'pg_tviews_drop(tview_name text, if_exists boolean DEFAULT false) RETURNS text',
		'pg_tviews_refresh(entity text) RETURNS void',
		'pg_tviews_convert_existing_table(table_name text) RETURNS text',
		'pg_tviews_cascade(base_table_oid oid, pk_value bigint) RETURNS void',
		'pg_tviews_insert(base_table_oid oid, pk_value bigint) RETURNS void',
		'pg_tviews_delete(base_table_oid oid, pk_value bigint) RETURNS void',
		'pg_tviews_health_check() RETURNS TABLE (status text, component text, message text, severity text)',
		'pg_tviews_queue_stats() RETURNS jsonb',
		'pg_tviews_debug_queue() RETURNS jsonb',
		'pg_tview_trigger_handler() RETURNS trigger',
		'pg_tviews_handle_ddl_event() RETURNS event_trigger']
	LOOP
		EXECUTE format($f$CREATE FUNCTION %s LANGUAGE c AS '$libdir/pg_tviews', 'pg_tviews_capture'$f$, f);
	END LOOP;
	UPDATE pg_proc SET prosrc = proname || '_wrapper' WHERE proname ~ '^pg_tviews?_' AND prosrc = 'pg_tviews_capture';
END $$;

CREATE FUNCTION tview_trigger_handler() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'DELETE' THEN
		PERFORM pg_tviews_delete(TG_RELID, (to_jsonb(OLD) ->> TG_ARGV[0])::bigint);
	ELSIF TG_OP = 'INSERT' THEN
		PERFORM pg_tviews_insert(TG_RELID, (to_jsonb(NEW) ->> TG_ARGV[0])::bigint);
	ELSE
		PERFORM pg_tviews_cascade(TG_RELID, (to_jsonb(NEW) ->> TG_ARGV[0])::bigint);
	END IF;
	RETURN NULL;
END $$;

-- tv_user, and tv_post whose view reads that of tv_user; types are guessed.
CREATE SCHEMA app;
CREATE TABLE tb_user (pk_user int PRIMARY KEY, id uuid NOT NULL, name text);
CREATE TABLE app.tb_post (pk_post int PRIMARY KEY, id uuid NOT NULL, fk_user int REFERENCES tb_user,
	title varchar(40), score numeric(6, 2));
INSERT INTO tb_user SELECT g, md5(g::text)::uuid, 'u' || g FROM generate_series(1, 3) g;
INSERT INTO app.tb_post SELECT g, md5('p' || g)::uuid, 1 + g % 3, 't' || g, g FROM generate_series(1, 7) g;
CREATE VIEW v_user AS
SELECT pk_user, id, jsonb_build_object('id', id, 'name', name) AS data FROM tb_user;
CREATE VIEW app.v_post AS
SELECT p.pk_post, p.id, p.fk_user, u.id AS user_id, p.title, p.score,
	jsonb_build_object('id', p.id, 'title', p.title, 'author', u.data) AS data
FROM app.tb_post p JOIN v_user u ON u.pk_user = p.fk_user;
CREATE TABLE tv_user (pk_user bigint PRIMARY KEY, id uuid NOT NULL, data jsonb,
	created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE app.tv_post (pk_post bigint PRIMARY KEY, id uuid NOT NULL, fk_user bigint, user_id uuid, title text,
	score text, data jsonb, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON app.tb_post (fk_user);
CREATE INDEX idx_tv_user_id ON tv_user (id);
CREATE INDEX idx_tv_user_data_gin ON tv_user USING gin (data);
CREATE INDEX idx_tv_post_user_id ON app.tv_post (user_id);
INSERT INTO tv_user SELECT * FROM v_user;
INSERT INTO app.tv_post SELECT * FROM app.v_post;
CREATE TRIGGER trg_tview_user_on_tb_user AFTER INSERT OR UPDATE OR DELETE ON tb_user
FOR EACH ROW EXECUTE FUNCTION tview_trigger_handler('pk_user');
CREATE TRIGGER trg_tview_post_on_tb_user AFTER INSERT OR UPDATE OR DELETE ON tb_user
FOR EACH ROW EXECUTE FUNCTION tview_trigger_handler('pk_user');
CREATE TRIGGER trg_tview_post_on_tb_post AFTER INSERT OR UPDATE OR DELETE ON app.tb_post
FOR EACH ROW EXECUTE FUNCTION tview_trigger_handler('pk_post');

INSERT INTO pg_tview_meta (entity, view_oid, table_oid, definition, dependencies)
SELECT substr(t.relname, 4), v.oid, t.oid, pg_get_viewdef(v.oid), ARRAY['tb_user'::regclass]
FROM pg_class t JOIN pg_class v ON v.relname = 'v_' || substr(t.relname, 4) AND v.relnamespace = t.relnamespace
WHERE t.relname IN ('tv_user', 'tv_post');
INSERT INTO pg_tview_audit_log (operation, entity) VALUES ('CREATE', 'user'), ('CREATE', 'post');

-- Last, for it fails from now on at every CREATE TABLE.
CREATE EVENT TRIGGER pg_tviews_ddl_end ON ddl_command_end
WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO')
EXECUTE FUNCTION pg_tviews_handle_ddl_event();
