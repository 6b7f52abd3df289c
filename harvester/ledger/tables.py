"""The tables of the ledger. A ledger with another number is made anew, as all in it is derived."""

SCHEMA = 2

TABLES = """
create table meta(name text primary key, value text not null) without rowid;
create table collections(
    number integer primary key, id text not null unique, newest text not null default '',
    emptied integer not null default 0, description text not null default '');
create table files(
    number integer primary key, key text not null unique, sha256 text not null, collection integer not null,
    harvest text not null, posts integer not null default 0, included integer not null default 0,
    state text not null);
create table harvests(
    folder text primary key, collection integer not null, version text not null) without rowid;
create index harvests_of on harvests(collection);
create index files_of on files(collection);
create table days(collection integer, day integer, posts integer, primary key(collection, day)) without rowid;
create table tags(collection integer, tag text, posts integer, primary key(collection, tag)) without rowid;
create index most_used_tags on tags(collection, posts);
create table names(
    id text, value text collate nocase, first text, last text, source text, primary key(id, first, value)
) without rowid;
create index holders on names(value, first);
create table states(
    id text, value text, first text, last text, source text, primary key(id, first, value)
) without rowid;
create index in_state on states(value);
create table profiles(id text primary key, seen_at text not null, data blob not null) without rowid;
create table members(id text, collection integer, primary key(id, collection)) without rowid;
create index members_of on members(collection);
"""
