-- The company: employees in departments in companies, each level's documents
-- made of those of the level below.  bench.size is the number of employees.
CREATE TABLE tb_company (pk_company int PRIMARY KEY, name text NOT NULL);
CREATE TABLE tb_department (pk_department int PRIMARY KEY, fk_company int NOT NULL, name text NOT NULL);
CREATE TABLE tb_employee (pk_employee int PRIMARY KEY, fk_department int NOT NULL, name text NOT NULL, salary int NOT NULL);
INSERT INTO tb_company SELECT i, 'Company ' || i FROM generate_series(1, current_setting('bench.size')::int / 100) i;
INSERT INTO tb_department SELECT i, 1 + i % (n / 100), 'Department ' || i
  FROM (SELECT current_setting('bench.size')::int) s(n), generate_series(1, n / 10) i;
INSERT INTO tb_employee SELECT i, 1 + i % (n / 10), 'Employee ' || i, 3000 + i % 1000
  FROM (SELECT current_setting('bench.size')::int) s(n), generate_series(1, n) i;
CREATE INDEX ON tb_department (fk_company);
CREATE INDEX ON tb_employee (fk_department);
ALTER TABLE tb_department ADD FOREIGN KEY (fk_company) REFERENCES tb_company;
ALTER TABLE tb_employee ADD FOREIGN KEY (fk_department) REFERENCES tb_department;

CREATE VIEW employee_document AS SELECT pk_employee, fk_department,
  jsonb_build_object('pk', pk_employee, 'name', name, 'salary', salary) AS data FROM tb_employee;
CREATE VIEW department_document AS SELECT d.pk_department, d.fk_company, jsonb_build_object('pk', d.pk_department, 'name', d.name,
  'employees', (SELECT coalesce(jsonb_agg(e.data ORDER BY e.pk_employee), '[]') FROM employee_document e
    WHERE e.fk_department = d.pk_department)) AS data FROM tb_department d;
CREATE VIEW company_document AS SELECT c.pk_company, jsonb_build_object('pk', c.pk_company, 'name', c.name,
  'departments', (SELECT coalesce(jsonb_agg(d.data ORDER BY d.pk_department), '[]') FROM department_document d
    WHERE d.fk_company = c.pk_company)) AS data FROM tb_company c;
