-- Totals by statement triggers; the text is parsed each time as in shop_statement.sql.
CREATE TABLE stored WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM document;
ALTER TABLE stored ADD PRIMARY KEY (pk_customer);
CREATE FUNCTION order_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored s SET data = jsonb_set(data, '{amount}', to_jsonb((data->>'amount')::bigint + d.amount)), updated_at = now()
    FROM (SELECT n.fk_customer, sum(n.amount - o.amount) AS amount FROM old_rows o JOIN new_rows n ON n.pk_order = o.pk_order
          WHERE o.amount IS DISTINCT FROM n.amount GROUP BY n.fk_customer) d
    WHERE s.pk_customer = d.fk_customer $q$;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE ON tb_order REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
  FOR EACH STATEMENT EXECUTE FUNCTION order_changed();

CREATE FUNCTION order_new() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored s SET data = data || jsonb_build_object('orders', (data->>'orders')::bigint + d.orders,
      'amount', (data->>'amount')::bigint + d.amount), updated_at = now()
    FROM (SELECT fk_customer, count(*) AS orders, sum(amount) AS amount FROM new_rows GROUP BY fk_customer) d
    WHERE s.pk_customer = d.fk_customer $q$;
  RETURN NULL; END $$;
CREATE TRIGGER new AFTER INSERT ON tb_order REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION order_new();

CREATE FUNCTION order_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  EXECUTE $q$ UPDATE stored s SET data = data || jsonb_build_object('orders', (data->>'orders')::bigint - d.orders,
      'amount', (data->>'amount')::bigint - d.amount), updated_at = now()
    FROM (SELECT fk_customer, count(*) AS orders, sum(amount) AS amount FROM old_rows GROUP BY fk_customer) d
    WHERE s.pk_customer = d.fk_customer $q$;
  RETURN NULL; END $$;
CREATE TRIGGER gone AFTER DELETE ON tb_order REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION order_gone();
