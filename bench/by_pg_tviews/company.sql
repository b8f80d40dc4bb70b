CREATE TABLE tv_employee AS SELECT pk_employee, fk_department,
  jsonb_build_object('pk', pk_employee, 'name', name, 'salary', salary) AS data FROM tb_employee;
CREATE INDEX ON tv_employee (fk_department);
CREATE TABLE tv_department AS SELECT d.pk_department, d.fk_company, jsonb_build_object('pk', d.pk_department, 'name', d.name,
  'employees', (SELECT coalesce(jsonb_agg(e.data ORDER BY e.pk_employee), '[]') FROM tv_employee e
    WHERE e.fk_department = d.pk_department)) AS data FROM tb_department d;
CREATE INDEX ON tv_department (fk_company);
CREATE TABLE tv_company AS SELECT c.pk_company, jsonb_build_object('pk', c.pk_company, 'name', c.name,
  'departments', (SELECT coalesce(jsonb_agg(d.data ORDER BY d.pk_department), '[]') FROM tv_department d
    WHERE d.fk_company = c.pk_company)) AS data FROM tb_company c;
