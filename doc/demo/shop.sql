-- The shop as it was before journey came: customers and carts of its own.
CREATE SCHEMA shop;
CREATE TABLE shop.customers (
	id text PRIMARY KEY,
	name text NOT NULL,
	email text NOT NULL
);
CREATE TABLE shop.carts (
	id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	customer text NOT NULL REFERENCES shop.customers,
	product text NOT NULL,
	total numeric(8,2) NOT NULL,
	bought_at timestamptz
);
INSERT INTO shop.customers (id, name, email)
SELECT lower(name), name, lower(name) || '@example.com'
  FROM unnest('{Ada,Bela,Chen,Dora,Emil,Fatou,Grace,Hugo,Ines,Jomo,Kaya,Luca}'::text[]) AS name;
