CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_page);
CREATE FUNCTION title_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = jsonb_set(data, '{title}', to_jsonb(NEW.title)), updated_at = now() WHERE pk_page = NEW.pk_page;
  RETURN NULL; END $$;
CREATE TRIGGER title AFTER UPDATE OF title ON tb_page FOR EACH ROW WHEN (OLD.title IS DISTINCT FROM NEW.title)
  EXECUTE FUNCTION title_changed();
