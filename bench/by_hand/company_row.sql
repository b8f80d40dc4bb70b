-- Three levels by row triggers, each fired by the one below; of an array only the
-- element that has changed is replaced.
CREATE TABLE stored_employee WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM employee_document;
ALTER TABLE stored_employee ADD PRIMARY KEY (pk_employee);
CREATE TABLE stored_department WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM department_document;
ALTER TABLE stored_department ADD PRIMARY KEY (pk_department);
CREATE TABLE stored_company WITH (fillfactor = 90) AS SELECT *, now() AS updated_at FROM company_document;
ALTER TABLE stored_company ADD PRIMARY KEY (pk_company);

CREATE FUNCTION employee_changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored_employee SET updated_at = now(),
      data = jsonb_build_object('pk', NEW.pk_employee, 'name', NEW.name, 'salary', NEW.salary) WHERE pk_employee = NEW.pk_employee;
  RETURN NULL; END $$;
CREATE TRIGGER changed AFTER UPDATE OF name, salary ON tb_employee FOR EACH ROW
  WHEN ((OLD.name, OLD.salary) IS DISTINCT FROM (NEW.name, NEW.salary)) EXECUTE FUNCTION employee_changed();

CREATE FUNCTION employee_stored() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored_department s SET updated_at = now(), data = jsonb_set(data, ARRAY['employees',
      (SELECT count(*) FROM tb_employee e WHERE e.fk_department = NEW.fk_department AND e.pk_employee < NEW.pk_employee)::text], NEW.data)
    WHERE pk_department = NEW.fk_department;
  RETURN NULL; END $$;
CREATE TRIGGER stored AFTER UPDATE OF data ON stored_employee FOR EACH ROW EXECUTE FUNCTION employee_stored();

CREATE FUNCTION department_stored() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE stored_company s SET updated_at = now(), data = jsonb_set(data, ARRAY['departments',
      (SELECT count(*) FROM tb_department d WHERE d.fk_company = NEW.fk_company AND d.pk_department < NEW.pk_department)::text], NEW.data)
    WHERE pk_company = NEW.fk_company;
  RETURN NULL; END $$;
CREATE TRIGGER stored AFTER UPDATE OF data ON stored_department FOR EACH ROW EXECUTE FUNCTION department_stored();
