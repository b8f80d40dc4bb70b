-- The blog by row triggers: the title, the author, or all comments anew.
CREATE TABLE stored AS SELECT *, now() AS updated_at FROM document;
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

CREATE FUNCTION comment_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET updated_at = now(), data = jsonb_set(data, '{comments}',
      (SELECT coalesce(jsonb_agg(c.data ORDER BY c.pk_comment), '[]') FROM comments c WHERE c.fk_post = NEW.fk_post))
    WHERE pk_post = NEW.fk_post;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF body ON tb_comment FOR EACH ROW
  WHEN (OLD.body IS DISTINCT FROM NEW.body) EXECUTE FUNCTION comment_changed();
CREATE TRIGGER answer AFTER INSERT ON tb_comment FOR EACH ROW WHEN (NEW.fk_comment IS NOT NULL) EXECUTE FUNCTION comment_changed();

-- numbers grow, so a new comment comes last
CREATE FUNCTION comment_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET updated_at = now(), data = jsonb_insert(data, '{comments,-1}', jsonb_build_object('pk', NEW.pk_comment,
      'author', (SELECT name FROM tb_user WHERE pk_user = NEW.fk_user), 'body', NEW.body, 'answers', '[]'::jsonb), true)
    WHERE pk_post = NEW.fk_post;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_comment FOR EACH ROW WHEN (NEW.fk_comment IS NULL) EXECUTE FUNCTION comment_new();

CREATE FUNCTION user_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored s SET data = jsonb_set(data, '{author,name}', to_jsonb(NEW.name)), updated_at = now()
    FROM tb_post p WHERE p.fk_user = NEW.pk_user AND p.pk_post = s.pk_post;
  UPDATE stored s SET updated_at = now(), data = jsonb_set(data, '{comments}',
      (SELECT coalesce(jsonb_agg(c.data ORDER BY c.pk_comment), '[]') FROM comments c WHERE c.fk_post = s.pk_post))
    WHERE pk_post IN (SELECT fk_post FROM tb_comment WHERE fk_user = NEW.pk_user);
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name ON tb_user FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name)
  EXECUTE FUNCTION user_changed();
