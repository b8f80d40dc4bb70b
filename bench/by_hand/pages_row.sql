CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_page);
CREATE FUNCTION page_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = jsonb_build_object('pk', NEW.pk_page, 'title', NEW.title, 'body', NEW.body), updated_at = now()
    WHERE pk_page = NEW.pk_page;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF title, body ON tb_page FOR EACH ROW
  WHEN ((OLD.title, OLD.body) IS DISTINCT FROM (NEW.title, NEW.body)) EXECUTE FUNCTION page_changed();
