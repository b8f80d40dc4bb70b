-- Totals by row triggers, which add what has changed.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_customer);
CREATE FUNCTION order_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = jsonb_set(data, '{amount}', to_jsonb((data->>'amount')::bigint + NEW.amount - OLD.amount)), updated_at = now()
    WHERE pk_customer = NEW.fk_customer;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF amount ON tb_order FOR EACH ROW
  WHEN (OLD.amount IS DISTINCT FROM NEW.amount) EXECUTE FUNCTION order_changed();

CREATE FUNCTION order_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = data || jsonb_build_object('orders', (data->>'orders')::bigint + 1,
    'amount', (data->>'amount')::bigint + NEW.amount), updated_at = now() WHERE pk_customer = NEW.fk_customer;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_order FOR EACH ROW EXECUTE FUNCTION order_new();

CREATE FUNCTION order_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored SET data = data || jsonb_build_object('orders', (data->>'orders')::bigint - 1,
    'amount', (data->>'amount')::bigint - OLD.amount), updated_at = now() WHERE pk_customer = OLD.fk_customer;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_order FOR EACH ROW EXECUTE FUNCTION order_gone();
