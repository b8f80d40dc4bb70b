-- The blog: posts with their author, their comments and the answers to these.
-- bench.size is the number of posts.
CREATE TABLE tb_user (pk_user int PRIMARY KEY, name text NOT NULL, bio text);
CREATE TABLE tb_post (pk_post int PRIMARY KEY, fk_user int NOT NULL, title text NOT NULL, body text, views int NOT NULL DEFAULT 0);
CREATE TABLE tb_comment (pk_comment int PRIMARY KEY, fk_post int NOT NULL, fk_user int NOT NULL, fk_comment int, body text NOT NULL);
INSERT INTO tb_user SELECT i, 'User ' || i, 'A life in brief' FROM generate_series(1, current_setting('bench.size')::int / 10) i;
INSERT INTO tb_post SELECT i, 1 + i % (n / 10), 'Post ' || i, repeat('What user ' || i || ' wanted to say. ', 10)
  FROM (SELECT current_setting('bench.size')::int) s(n), generate_series(1, n) i;
-- five a post: three comments, and two answers to the first
INSERT INTO tb_comment SELECT i, 1 + (i - 1) / 5, 1 + (i * 13) % (n / 10), CASE WHEN i % 5 IN (0, 4) THEN 1 + (i - 1) / 5 * 5 END,
    'What somebody answered to that, ' || i
  FROM (SELECT current_setting('bench.size')::int) s(n), generate_series(1, 5 * n) i;
CREATE INDEX ON tb_post (fk_user);
CREATE INDEX ON tb_comment (fk_post);
CREATE INDEX ON tb_comment (fk_user);
CREATE INDEX ON tb_comment (fk_comment);
ALTER TABLE tb_post ADD FOREIGN KEY (fk_user) REFERENCES tb_user;
ALTER TABLE tb_comment ADD FOREIGN KEY (fk_post) REFERENCES tb_post, ADD FOREIGN KEY (fk_user) REFERENCES tb_user,
  ADD FOREIGN KEY (fk_comment) REFERENCES tb_comment;

CREATE VIEW document AS
SELECT p.pk_post, jsonb_build_object('title', p.title, 'body', p.body,
  'author', jsonb_build_object('pk', u.pk_user, 'name', u.name),
  'comments', (SELECT coalesce(jsonb_agg(jsonb_build_object('pk', c.pk_comment, 'author', cu.name, 'body', c.body,
      'answers', (SELECT coalesce(jsonb_agg(jsonb_build_object('pk', a.pk_comment, 'author', au.name, 'body', a.body)
          ORDER BY a.pk_comment), '[]')
        FROM tb_comment a JOIN tb_user au ON au.pk_user = a.fk_user WHERE a.fk_comment = c.pk_comment)) ORDER BY c.pk_comment), '[]')
    FROM tb_comment c JOIN tb_user cu ON cu.pk_user = c.fk_user WHERE c.fk_post = p.pk_post AND c.fk_comment IS NULL)) AS data
FROM tb_post p JOIN tb_user u ON u.pk_user = p.fk_user;
