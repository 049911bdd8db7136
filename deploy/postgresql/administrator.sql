-- All that choriste needs of an administrator of PostgreSQL, for servers on which its owner may be neither superuser nor CREATEROLE. Run it once, as somebody who may make
-- roles and databases; it may be run again. Change the passwords first: in psql, \password ROLE sends none in clear.
--
--   psql --set=ON_ERROR_STOP=1 --dbname=postgres --file=administrator.sql
--
-- Afterwards: choriste migrate up, as choriste_owner. It makes the schemas chorus and river, all tables, and grants all rights itself.

-- The four roles that rights are granted to. Nobody logs in as them.
DO $$
DECLARE
    r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['chorus_app', 'chorus_worker', 'chorus_operator', 'chorus_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', r);
        END IF;
    END LOOP;
END $$;

-- The logins. The owner migrates, and is in no program's settings; the others are members of one role each.
DO $$
DECLARE
    l record;
BEGIN
    FOR l IN SELECT * FROM (VALUES ('choriste_owner', NULL), ('choriste_worker', 'chorus_worker'), ('choriste_operator', 'chorus_operator'), ('choriste_app', 'chorus_app')) v (login, role) LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = l.login) THEN
            EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L', l.login, 'change-' || gen_random_uuid());
        END IF;
        IF l.role IS NOT NULL THEN
            EXECUTE format('GRANT %I TO %I', l.role, l.login);
        END IF;
    END LOOP;
END $$;

-- The database. On a managed server whose administrator is no superuser, he must be a member of the owner to give it away.
-- (Not within a transaction; where it is there already, leave this line out.)
CREATE DATABASE choriste OWNER choriste_owner ENCODING 'UTF8' TEMPLATE template0;

-- Where the database must stay somebody else's: instead of the line above, in that database,
--   GRANT CREATE ON DATABASE choriste TO choriste_owner;
