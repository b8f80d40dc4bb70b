-- Sixteen pages whose documents have bench.size bytes that do not compress.
CREATE TABLE tb_page (pk_page int PRIMARY KEY, title text NOT NULL, body text NOT NULL);
INSERT INTO tb_page SELECT p, 'Page ' || p, (SELECT left(string_agg(md5(p || '/' || i), ''), greatest(1, current_setting('bench.size')::int - 100))
  FROM generate_series(1, current_setting('bench.size')::int / 32 + 1) i) FROM generate_series(1, 16) p;
CREATE VIEW document AS SELECT pk_page, jsonb_build_object('pk', pk_page, 'title', title, 'body', body) AS data FROM tb_page;
