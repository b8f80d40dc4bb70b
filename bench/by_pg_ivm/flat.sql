SELECT pgivm.create_immv(current_schema || '.stored', 'SELECT p.pk_product, p.name, p.price, c.name AS category, s.name AS supplier
  FROM tb_product p JOIN tb_category c ON c.pk_category = p.fk_category JOIN tb_supplier s ON s.pk_supplier = p.fk_supplier');
-- it finds rows by this, as by all columns otherwise
CREATE UNIQUE INDEX ON stored (pk_product);
