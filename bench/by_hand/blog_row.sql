-- The blog by row triggers: the title, the author, one comment, or where a user's
-- name may stand in several, all of them anew.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_post);
CREATE VIEW comments AS SELECT c.fk_post, c.pk_comment, jsonb_build_object('pk', c.pk_comment, 'author', cu.name, 'body', c.body,
    'answers', (SELECT coalesce(jsonb_agg(jsonb_build_object('pk', a.pk_comment, 'author', au.name, 'body', a.body)
        ORDER BY a.pk_comment), '[]')
      FROM tb_comment a JOIN tb_user au ON au.pk_user = a.fk_user WHERE a.fk_comment = c.pk_comment)) AS data
  FROM tb_comment c JOIN tb_user cu ON cu.pk_user = c.fk_user WHERE c.fk_comment IS NULL;

CREATE FUNCTION post_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = data || jsonb_build_object('title', NEW.title, 'body', NEW.body), updated_at = now()
    WHERE pk_post = NEW.pk_post;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF title, body ON tb_post FOR EACH ROW
  WHEN ((OLD.title, OLD.body) IS DISTINCT FROM (NEW.title, NEW.body)) EXECUTE FUNCTION post_changed();

-- where a comment stands among those of its post, or an answer among those of its comment
CREATE FUNCTION path_of(c tb_comment) RETURNS text[] LANGUAGE plpgsql STABLE AS $$ BEGIN
  IF c.fk_comment IS NULL THEN
    RETURN ARRAY['comments', (SELECT count(*) FROM tb_comment o
      WHERE o.fk_post = c.fk_post AND o.fk_comment IS NULL AND o.pk_comment < c.pk_comment)::text];
  END IF;
  RETURN ARRAY['comments', (SELECT count(*) FROM tb_comment o
      WHERE o.fk_post = c.fk_post AND o.fk_comment IS NULL AND o.pk_comment < c.fk_comment)::text, 'answers',
    (SELECT count(*) FROM tb_comment o WHERE o.fk_comment = c.fk_comment AND o.pk_comment < c.pk_comment)::text];
  END $$;

CREATE FUNCTION comment_changed() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
  place text[] = path_of(NEW) || text 'body';
BEGIN
  UPDATE stored SET data = jsonb_set(data, place, to_jsonb(NEW.body)), updated_at = now() WHERE pk_post = NEW.fk_post;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF body ON tb_comment FOR EACH ROW
  WHEN (OLD.body IS DISTINCT FROM NEW.body) EXECUTE FUNCTION comment_changed();

-- numbers grow, so what is new comes last
CREATE FUNCTION comment_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET updated_at = now(), data = jsonb_insert(data, '{comments,-1}', jsonb_build_object('pk', NEW.pk_comment,
      'author', (SELECT name FROM tb_user WHERE pk_user = NEW.fk_user), 'body', NEW.body, 'answers', '[]'::jsonb), true)
    WHERE pk_post = NEW.fk_post;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_comment FOR EACH ROW WHEN (NEW.fk_comment IS NULL) EXECUTE FUNCTION comment_new();

CREATE FUNCTION answer_new() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE
  place text[] = path_of(NEW);
BEGIN
  place[4] = '-1';
  UPDATE stored SET updated_at = now(), data = jsonb_insert(data, place, jsonb_build_object('pk', NEW.pk_comment,
      'author', (SELECT name FROM tb_user WHERE pk_user = NEW.fk_user), 'body', NEW.body), true)
    WHERE pk_post = NEW.fk_post;
  RETURN NULL; END $$;
CREATE TRIGGER answer AFTER INSERT ON tb_comment FOR EACH ROW WHEN (NEW.fk_comment IS NOT NULL) EXECUTE FUNCTION answer_new();

CREATE FUNCTION comment_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET updated_at = now(), data = jsonb_set(data, '{comments}',
      (SELECT coalesce(jsonb_agg(c.data ORDER BY c.pk_comment), '[]') FROM comments c WHERE c.fk_post = OLD.fk_post))
    WHERE pk_post = OLD.fk_post;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_comment FOR EACH ROW EXECUTE FUNCTION comment_gone();

CREATE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored s SET data = jsonb_set(data, '{author,name}', to_jsonb(NEW.name)), updated_at = now()
    FROM tb_post p WHERE p.fk_user = NEW.pk_user AND p.pk_post = s.pk_post;
  UPDATE stored s SET updated_at = now(), data = jsonb_set(data, '{comments}',
      (SELECT coalesce(jsonb_agg(c.data ORDER BY c.pk_comment), '[]') FROM comments c WHERE c.fk_post = s.pk_post))
    WHERE pk_post IN (SELECT fk_post FROM tb_comment WHERE fk_user = NEW.pk_user);
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name ON tb_user FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name)
  EXECUTE FUNCTION user_changed();
