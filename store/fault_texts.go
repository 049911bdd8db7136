package store

// FaultText says what a fault means and what to do about it. Means takes the fault's arguments, the same in both languages.
type FaultText struct {
	Layer           string // of `choriste doctor`
	Warns           bool   // work is possible all the same
	passes          bool   // it may be gone in a minute
	names           bool   // its arguments name logins or addresses
	English, French FaultWords
}

// FaultWords are the words of one language.
type FaultWords struct{ Means, Next string }

const (
	layerDatabase  = "database"
	layerRole      = "role"
	layerMigration = "migration"

	layerEnvironment = "environment"
)

const (
	askAdministrator    = "Have the administrator of PostgreSQL "
	priezAdministrateur = "Demander à l'administrateur de PostgreSQL "
)

// Faults are all that can be wrong with a database, by codes that are stable.
var Faults = map[string]FaultText{
	"DATABASE_ADDRESS": {
		Layer:   layerDatabase,
		English: FaultWords{"DATABASE_URL cannot be read.", "Write it as postgres://user:password@host:5432/database; in user and password, percent-encode # ? / @ : and % (as %23 %3F %2F %40 %3A %25)."},
		French:  FaultWords{"DATABASE_URL est illisible.", "L'écrire sous la forme postgres://utilisateur:motdepasse@hôte:5432/base ; dans l'utilisateur et le mot de passe, coder # ? / @ : et % (%23 %3F %2F %40 %3A %25)."},
	},
	"DATABASE_UNREACHABLE": {
		Layer: layerDatabase, names: true, passes: true,
		English: FaultWords{"PostgreSQL cannot be reached (%s).", "Check host and port in DATABASE_URL, and that the server runs and takes connections from this machine."},
		French:  FaultWords{"PostgreSQL est injoignable (%s).", "Vérifier l'hôte et le port dans DATABASE_URL, et que le serveur tourne et accepte cette machine."},
	},
	"DATABASE_SILENT": {
		Layer: layerDatabase, passes: true,
		English: FaultWords{"PostgreSQL took the connection and did not answer the first question (%s).", "Look whether the server hangs; with PgBouncer, raise default_pool_size: each worker keeps up to 7 + CHORISTE_WORKERS / 2 connections."},
		French:  FaultWords{"PostgreSQL a accepté la connexion sans répondre à la première question (%s).", "Vérifier que le serveur n'est pas bloqué ; avec PgBouncer, augmenter default_pool_size : chaque service garde jusqu'à 7 + CHORISTE_WORKERS / 2 connexions."},
	},
	"DATABASE_FULL": {
		Layer: layerDatabase, names: true, passes: true,
		English: FaultWords{"PostgreSQL at %s is full: it gives this login no further connection, and %d are needed.", "Close other connections, or raise max_connections, or the pooler's max_client_conn."},
		French:  FaultWords{"PostgreSQL (%s) est plein : plus aucune connexion pour cet utilisateur, et il en faut %d.", "Fermer d'autres connexions, ou augmenter max_connections, ou max_client_conn du pooler."},
	},
	"DATABASE_ROLE_FULL": {
		Layer: layerDatabase, names: true, passes: true,
		English: FaultWords{"The login %s has all the connections that its role may have (CONNECTION LIMIT), and %d are needed; the server itself is not full.", "Close other connections of this login, lower CHORISTE_WORKERS, or raise the limit: ALTER ROLE … CONNECTION LIMIT …."},
		French:  FaultWords{"L'utilisateur %s a toutes les connexions permises à son rôle (CONNECTION LIMIT), et il en faut %d ; le serveur lui-même n'est pas plein.", "Fermer d'autres connexions de cet utilisateur, baisser CHORISTE_WORKERS, ou relever la limite : ALTER ROLE … CONNECTION LIMIT …."},
	},
	"DATABASE_LIMIT": {
		Layer: layerDatabase, names: true, passes: true,
		English: FaultWords{"The database %s has all the connections that it may have (CONNECTION LIMIT), and %d are needed; the server itself is not full.", "Close other connections to this database, lower CHORISTE_WORKERS, or raise the limit: ALTER DATABASE … CONNECTION LIMIT …."},
		French:  FaultWords{"La base %s a toutes les connexions qui lui sont permises (CONNECTION LIMIT), et il en faut %d ; le serveur lui-même n'est pas plein.", "Fermer d'autres connexions à cette base, baisser CHORISTE_WORKERS, ou relever la limite : ALTER DATABASE … CONNECTION LIMIT …."},
	},
	"DATABASE_ROOM": {
		Layer: layerDatabase, Warns: true,
		English: FaultWords{"PostgreSQL has room for %d more connections of this login, and a worker with these settings needs up to %d.", "Raise max_connections or the CONNECTION LIMIT of the role or database, or lower CHORISTE_WORKERS."},
		French:  FaultWords{"PostgreSQL n'a plus que %d connexions libres pour cet utilisateur, et un service ainsi réglé en prend jusqu'à %d.", "Augmenter max_connections ou CONNECTION LIMIT du rôle ou de la base, ou baisser CHORISTE_WORKERS."},
	},
	"SETTINGS_DIFFER": {
		Layer: layerEnvironment, Warns: true,
		English: FaultWords{"A live worker of this database has other settings: %s. Of quotas and deposits in flight the smaller counts for all; each waits and looks up by its own.", "Give all workers of one database the same settings, and restart those that have others."},
		French:  FaultWords{"Un service en marche sur cette base a d'autres réglages : %s. Pour les quotas et le nombre de dépôts simultanés, la plus petite valeur vaut pour tous ; chacun attend et recherche selon les siens.", "Donner les mêmes réglages à tous les services d'une base, et redémarrer ceux qui en ont d'autres."},
	},
	"ACCOUNT_WITHOUT_WORKER": {
		Layer: layerEnvironment, Warns: true,
		English: FaultWords{"Workers run, but none has these accounts, whose invoices wait: %s. Workers of one database may have different accounts; each account needs one.", "Start a worker that has it, or add it to CHORISTE_ACCOUNTS_FILE of one that runs."},
		French:  FaultWords{"Des services tournent, mais aucun n'a ces comptes, dont des factures attendent : %s. Les services d'une base peuvent avoir des comptes différents ; il en faut un pour chaque compte.", "Démarrer un service qui a ce compte, ou l'ajouter au CHORISTE_ACCOUNTS_FILE d'un service en marche."},
	},
	"DATABASE_LOCKED": {
		Layer: layerDatabase, Warns: true, names: true,
		English: FaultWords{"A lock on choriste's tables is in the way of others. It is held by %s.", "End that transaction, or the session: SELECT pg_terminate_backend(PID). For the age and state of other logins' transactions: GRANT pg_read_all_stats to this login."},
		French:  FaultWords{"Un verrou sur les tables de choriste bloque d'autres sessions. Il est tenu par %s.", "Terminer cette transaction, ou la session : SELECT pg_terminate_backend(PID). Pour voir l'âge et l'état des transactions d'autres utilisateurs : GRANT pg_read_all_stats à celui-ci."},
	},

	"DATABASE_LOGIN": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"PostgreSQL refuses the login %s: wrong user or password (SQLSTATE %s).", "Check user and password in DATABASE_URL; # ? / @ : and % in them must be percent-encoded (as %23 %3F %2F %40 %3A %25)."},
		French:  FaultWords{"PostgreSQL refuse l'utilisateur %s : nom ou mot de passe faux (SQLSTATE %s).", "Vérifier l'utilisateur et le mot de passe dans DATABASE_URL ; # ? / @ : et % doivent y être codés (%23 %3F %2F %40 %3A %25)."},
	},
	"DATABASE_USER": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"PostgreSQL has no role %s that may log in.", "Correct the user in DATABASE_URL, or create it: CREATE ROLE … LOGIN PASSWORD '…' IN ROLE chorus_worker."},
		French:  FaultWords{"PostgreSQL n'a pas de rôle %s autorisé à se connecter.", "Corriger l'utilisateur dans DATABASE_URL, ou le créer : CREATE ROLE … LOGIN PASSWORD '…' IN ROLE chorus_worker."},
	},
	"DATABASE_HBA": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"pg_hba.conf has no entry that lets %s into database %s from this machine in this way.", "Add one to the server's pg_hba.conf, or correct user, database, host and sslmode in DATABASE_URL."},
		French:  FaultWords{"pg_hba.conf n'a aucune ligne qui laisse entrer %s dans la base %s depuis cette machine, de cette façon.", "En ajouter une sur le serveur, ou corriger utilisateur, base, hôte et sslmode dans DATABASE_URL."},
	},
	"DATABASE_CONNECT": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The login %s may not connect to database %s.", askAdministrator + "GRANT CONNECT ON DATABASE to it."},
		French:  FaultWords{"L'utilisateur %s n'a pas le droit de se connecter à la base %s.", priezAdministrateur + "GRANT CONNECT ON DATABASE pour lui."},
	},
	"DATABASE_MISSING": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The server runs, but has no database %s.", "Correct the name in DATABASE_URL, or create the database (createdb -E UTF8 -T template0 NAME) and run `choriste migrate up`."},
		French:  FaultWords{"Le serveur tourne, mais n'a pas de base %s.", "Corriger le nom dans DATABASE_URL, ou créer la base (createdb -E UTF8 -T template0 NOM) puis lancer « choriste migrate up »."},
	},
	"DATABASE_CLOSED": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The database %s takes no connections (ALLOW_CONNECTIONS false, or it is being dropped).", "Correct the name in DATABASE_URL: template0 and its like are not for use."},
		French:  FaultWords{"La base %s n'accepte pas de connexions (ALLOW_CONNECTIONS false, ou suppression en cours).", "Corriger le nom dans DATABASE_URL : template0 et ses semblables ne servent pas."},
	},

	"DATABASE_TLS_REFUSED": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"DATABASE_URL asks for TLS (sslmode), and the server at %s has none.", "Turn TLS on in the server (ssl = on), or, where the way to it is safe, set sslmode=disable."},
		French:  FaultWords{"DATABASE_URL exige TLS (sslmode) et le serveur %s n'en a pas.", "Activer TLS sur le serveur (ssl = on) ou, si le chemin est sûr, mettre sslmode=disable."},
	},
	"DATABASE_TLS_REQUIRED": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"pg_hba.conf has no entry that lets %s into database %s from this machine without TLS.", "Set sslmode=verify-full (with sslrootcert), or at least sslmode=require, in DATABASE_URL; if that is refused as well, add an entry."},
		French:  FaultWords{"pg_hba.conf n'a aucune ligne qui laisse entrer %s dans la base %s depuis cette machine sans TLS.", "Mettre sslmode=verify-full (avec sslrootcert), ou au moins sslmode=require, dans DATABASE_URL ; si c'est refusé aussi, ajouter une ligne."},
	},
	"DATABASE_TLS_CERTIFICATE": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"TLS with the server at %s fails: %s.", "Name the authority that signed it in DATABASE_URL (sslrootcert=FILE), and the host as the certificate does; check this machine's clock."},
		French:  FaultWords{"Échec TLS avec le serveur %s : %s.", "Indiquer l'autorité signataire dans DATABASE_URL (sslrootcert=FICHIER) et l'hôte tel que le certificat le nomme ; vérifier l'horloge de cette machine."},
	},
	"DATABASE_TLS_CLIENT": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The server at %s asks for a TLS client certificate that it trusts.", "Give one in DATABASE_URL: sslcert=FILE and sslkey=FILE, readable by this user."},
		French:  FaultWords{"Le serveur %s exige un certificat client TLS de confiance.", "En donner un dans DATABASE_URL : sslcert=FICHIER et sslkey=FICHIER, lisibles par cet utilisateur."},
	},
	"DATABASE_TLS_NAME": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"PostgreSQL lets the login %s in by a TLS client certificate of its own, and the one that it is given is for another name.", "Give the certificate whose common name (CN) is the login in DATABASE_URL (sslcert, sslkey), correct the login, or map the name in the server's pg_ident.conf."},
		French:  FaultWords{"PostgreSQL n'admet l'utilisateur %s que par un certificat client TLS à son nom, et celui qu'il reçoit est à un autre nom.", "Donner dans DATABASE_URL (sslcert, sslkey) le certificat dont le nom (CN) est l'utilisateur, corriger l'utilisateur, ou associer les deux noms dans pg_ident.conf sur le serveur."},
	},
	"DATABASE_TLS_EXPIRED": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The server at %s refuses the TLS client certificate, which is valid from %s to %s.", "Put a new certificate and its key where DATABASE_URL names them (sslcert, sslkey); if that is not the cause, set this machine's clock right."},
		French:  FaultWords{"Le serveur %s refuse le certificat client TLS, qui est valable du %s au %s.", "Mettre un nouveau certificat et sa clé là où DATABASE_URL les indique (sslcert, sslkey) ; si la cause n'est pas là, régler l'horloge de cette machine."},
	},

	"DATABASE_PARAMETER": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The pooler in front of PostgreSQL refuses a parameter that DATABASE_URL or PGOPTIONS adds (%s).", "Take it out: choriste sets what it needs by itself."},
		French:  FaultWords{"Le pooler devant PostgreSQL refuse un paramètre ajouté par DATABASE_URL ou PGOPTIONS (%s).", "L'enlever : choriste règle lui-même ce qu'il lui faut."},
	},
	"DATABASE_POOL_MODE": {
		Layer:   layerDatabase,
		English: FaultWords{"Between here and PostgreSQL is a pooler that shares a session among clients (pool_mode = transaction or statement): settings, locks and LISTEN are lost in it.", "Set pool_mode = session for this database in PgBouncer, or give DATABASE_URL PostgreSQL's own address."},
		French:  FaultWords{"Entre ici et PostgreSQL, un pooler partage une session entre clients (pool_mode = transaction ou statement) : réglages, verrous et LISTEN s'y perdent.", "Mettre pool_mode = session pour cette base dans PgBouncer, ou donner à DATABASE_URL l'adresse de PostgreSQL lui-même."},
	},
	"DATABASE_TRIGGERS": {
		Layer:   layerDatabase,
		English: FaultWords{"session_replication_role is replica for this login: triggers are off, and none of the database's rules hold.", askAdministrator + "ALTER ROLE … RESET session_replication_role (or ALTER DATABASE, or the configuration file)."},
		French:  FaultWords{"session_replication_role vaut replica pour cet utilisateur : les triggers sont coupés et aucune règle de la base ne tient.", priezAdministrateur + "ALTER ROLE … RESET session_replication_role (ou ALTER DATABASE, ou le fichier de configuration)."},
	},
	"DATABASE_STANDBY": {
		Layer:   layerDatabase,
		English: FaultWords{"The server is a standby: it is read-only.", "Give DATABASE_URL the primary's address, or all hosts with target_session_attrs=read-write: postgres://user@one,two/database?target_session_attrs=read-write."},
		French:  FaultWords{"Le serveur est un secours (standby) : il est en lecture seule.", "Donner à DATABASE_URL l'adresse du primaire, ou tous les hôtes avec target_session_attrs=read-write : postgres://utilisateur@un,deux/base?target_session_attrs=read-write."},
	},
	"DATABASE_NO_PRIMARY": {
		Layer: layerDatabase, names: true, passes: true,
		English: FaultWords{"None of the servers at %s can be written to: each is a standby, read-only, or away.", "Promote one, or add the primary to DATABASE_URL."},
		French:  FaultWords{"Aucun des serveurs %s n'accepte d'écriture : chacun est un secours, en lecture seule, ou absent.", "En promouvoir un, ou ajouter le primaire à DATABASE_URL."},
	},
	"DATABASE_STANDBY_WANTED": {
		Layer:   layerDatabase,
		English: FaultWords{"DATABASE_URL asks for a server that is read-only (target_session_attrs).", "Set target_session_attrs=read-write, or take it out."},
		French:  FaultWords{"DATABASE_URL demande un serveur en lecture seule (target_session_attrs).", "Mettre target_session_attrs=read-write, ou l'enlever."},
	},
	"DATABASE_COLLATION": {
		Layer: layerDatabase, names: true,
		English: FaultWords{"The library that orders texts is not the one with which the indexes of the database %s were made (version %s then, %s now): rows may not be found, and a number or external_ref that is there may be taken again.", "Stop the workers. Look for what is there twice (docs/operating.md, \"Another collation\"); then, as the owner, REINDEX DATABASE, and ALTER DATABASE … REFRESH COLLATION VERSION."},
		French:  FaultWords{"La bibliothèque qui ordonne les textes n'est pas celle avec laquelle les index de la base %s ont été faits (version %s alors, %s maintenant) : des lignes peuvent rester introuvables, et un numéro ou un external_ref déjà présent être accepté de nouveau.", "Arrêter les services. Chercher ce qui est en double (docs/operating.md, « Another collation ») ; puis, en tant que propriétaire, REINDEX DATABASE et ALTER DATABASE … REFRESH COLLATION VERSION."},
	},
	"DATABASE_READONLY": {
		Layer:   layerDatabase,
		English: FaultWords{"The database is read-only: default_transaction_read_only is on (set by: %s).", "Turn it off when its reason is gone: ALTER SYSTEM, ALTER DATABASE or ALTER ROLE … RESET default_transaction_read_only."},
		French:  FaultWords{"La base est en lecture seule : default_transaction_read_only est actif (par : %s).", "Le désactiver quand sa raison a disparu : ALTER SYSTEM, ALTER DATABASE ou ALTER ROLE … RESET default_transaction_read_only."},
	},
	"DATABASE_ENCODING": {
		Layer:   layerDatabase,
		English: FaultWords{"The database %s is encoded in %s; UTF8 is needed.", "Make another: createdb -E UTF8 -T template0 NAME, and put its name into DATABASE_URL; an encoding cannot be changed."},
		French:  FaultWords{"La base %s est encodée en %s ; il faut UTF8.", "En créer une autre : createdb -E UTF8 -T template0 NOM, et mettre son nom dans DATABASE_URL ; un encodage ne se change pas."},
	},
	"DATABASE_ANSWER": {
		Layer:   layerDatabase,
		English: FaultWords{"The server is there, but did not answer a question (SQLSTATE %s).", "Look at the server's log: it may be overloaded, restarting, or its schema changed by hand."},
		French:  FaultWords{"Le serveur est là, mais n'a pas répondu à une question (SQLSTATE %s).", "Regarder le journal du serveur : surcharge, redémarrage, ou schéma modifié à la main."},
	},

	"DATABASE_ROLE": {
		Layer: layerRole, names: true,
		English: FaultWords{"The login %s does not have the rights of %s. This statement gives them: %s.", askAdministrator + "run it; an application's, an operator's and a worker's login are different ones."},
		French:  FaultWords{"L'utilisateur %s n'a pas les droits de %s. L'instruction qui les donne : %s.", priezAdministrateur + "de l'exécuter ; les utilisateurs d'une application, d'un opérateur et d'un service sont différents."},
	},
	"MIGRATE_RIGHTS": {
		Layer: layerMigration, names: true,
		English: FaultWords{"The login %s may not migrate: it lacks %s.", "Migrate as the owner of the database; the first migration makes the roles chorus_app, chorus_worker, chorus_operator and chorus_reader: with CREATEROLE, or an administrator makes them before (CREATE ROLE … NOLOGIN)."},
		French:  FaultWords{"L'utilisateur %s ne peut pas migrer : il lui manque %s.", "Migrer avec le propriétaire de la base ; la première migration crée les rôles chorus_app, chorus_worker, chorus_operator et chorus_reader : avec CREATEROLE, ou un administrateur les crée avant (CREATE ROLE … NOLOGIN)."},
	},

	"MIGRATION_PENDING": {
		Layer:   layerMigration,
		English: FaultWords{"The schema is missing, or older than this program needs (%d, and %d is needed).", "Run `choriste migrate up` with the login that owns the database."},
		French:  FaultWords{"Le schéma est absent, ou plus ancien que ce programme (%d, il faut %d).", "Lancer « choriste migrate up » avec l'utilisateur propriétaire de la base."},
	},
	"MIGRATION_NEWER": {
		Layer:   layerMigration,
		English: FaultWords{"The schema is newer than this program (%d, and this program knows %d).", "Use the version of choriste that migrated the database, or a newer one, everywhere."},
		French:  FaultWords{"Le schéma est plus récent que ce programme (%d, et ce programme connaît %d).", "Utiliser partout la version de choriste qui a migré la base, ou une plus récente."},
	},
	"SCHEMA_FOREIGN": {
		Layer:   layerMigration,
		English: FaultWords{"The schema chorus of this database belongs to something else: it holds %s, and choriste did not make it. Nothing was changed.", "Give choriste a database of its own (createdb -E UTF8 -T template0 NAME), or rename the other one: ALTER SCHEMA chorus RENAME TO …."},
		French:  FaultWords{"Le schéma chorus de cette base appartient à autre chose : il contient %s, que choriste n'a pas créé. Rien n'a été changé.", "Donner à choriste une base à lui (createdb -E UTF8 -T template0 NOM), ou renommer l'autre : ALTER SCHEMA chorus RENAME TO …."},
	},
	"SCHEMA_TORN": {
		Layer:   layerMigration,
		English: FaultWords{"The schema chorus is not whole: missing, switched off or not valid are: %s. The rules that keep invoices safe do not hold. A restore that broke off leaves it so.", "Switched off by pg_restore --disable-triggers: as the owner, ALTER TABLE chorus.… ENABLE TRIGGER ALL for each table. Missing: restore the backup again with --exit-on-error, or make it as migrations/schema.sql of this version has it."},
		French:  FaultWords{"Le schéma chorus n'est pas entier ; absents, désactivés ou invalides : %s. Les règles qui protègent les factures ne tiennent plus. Une restauration interrompue le laisse ainsi.", "Désactivés par pg_restore --disable-triggers : en tant que propriétaire, ALTER TABLE chorus.… ENABLE TRIGGER ALL pour chaque table. Absents : restaurer de nouveau la sauvegarde avec --exit-on-error, ou les créer comme dans migrations/schema.sql de cette version."},
	},
	"SEQUENCE_BEHIND": {
		Layer:   layerMigration,
		English: FaultWords{"Sequences are behind their tables, so that inserts are refused (duplicate key): a copy by logical replication leaves them so. These statements mend it: %s.", "Have the owner of the schema chorus run them, once nothing is copied any more."},
		French:  FaultWords{"Des séquences sont en retard sur leurs tables, et les insertions sont refusées (clé en double) : une copie par réplication logique les laisse ainsi. Les instructions qui y remédient : %s.", "Les faire exécuter par le propriétaire du schéma chorus, une fois la copie terminée."},
	},
	"RIGHTS_MISSING": {
		Layer:   layerMigration,
		English: FaultWords{"Rights that the migrations granted were taken away, or left out by a restore (--no-privileges). These statements give them back: %s.", "Have the owner of the schema chorus run them; with the owner's login, `choriste migrate status` prints all that are needed."},
		French:  FaultWords{"Des droits accordés par les migrations ont été retirés, ou omis par une restauration (--no-privileges). Les instructions qui les rendent : %s.", "Les faire exécuter par le propriétaire du schéma chorus ; lancée avec son utilisateur, « choriste migrate status » les affiche toutes."},
	},
	"RIGHTS_OF_OTHERS": {
		Layer: layerMigration, Warns: true,
		English: FaultWords{"Another role's rights are not those that the migrations granted: its users will be refused something, or may do too much. These statements mend it: %s.", "Have the owner of the schema chorus run them, unless it is meant; `choriste migrate status` prints all."},
		French:  FaultWords{"Les droits d'un autre rôle ne sont pas ceux des migrations : quelque chose lui sera refusé, ou trop permis. Les instructions qui y remédient : %s.", "Les faire exécuter par le propriétaire du schéma chorus, sauf si c'est voulu ; « choriste migrate status » les affiche toutes."},
	},
	"RIVER_MISSING": {
		Layer:   layerMigration,
		English: FaultWords{"The schema river is missing or empty: it was dropped, or a dump was made without it. Nothing is lost: it holds only what the invoices say anyway.", "Run `choriste migrate up` with the login that owns the database: it makes the schema anew."},
		French:  FaultWords{"Le schéma river est absent ou vide : supprimé, ou omis d'une sauvegarde. Rien n'est perdu : il ne contient que ce que disent déjà les factures.", "Lancer « choriste migrate up » avec l'utilisateur propriétaire de la base : le schéma est recréé."},
	},
	"RIVER_FOREIGN": {
		Layer:   layerMigration,
		English: FaultWords{"The schema river of this database belongs to another application: it holds %s, and choriste did not make it. Nothing was changed.", "Give choriste a database of its own (createdb -E UTF8 -T template0 NAME), or move the other application's: ALTER SCHEMA river RENAME TO …, and its setting with it."},
		French:  FaultWords{"Le schéma river de cette base appartient à une autre application : il contient %s, que choriste n'a pas créé. Rien n'a été changé.", "Donner à choriste une base à lui (createdb -E UTF8 -T template0 NOM), ou déplacer celui de l'autre : ALTER SCHEMA river RENAME TO …, avec son réglage."},
	},
	"RIVER_VERSION": {
		Layer:   layerMigration,
		English: FaultWords{"The tables of River in the schema river are of version %d, and this program needs %d.", "Something else changed them: nothing but `choriste migrate up` may. Restore them, or use the version of choriste that fits."},
		French:  FaultWords{"Les tables de River du schéma river sont en version %d, et ce programme a besoin de la %d.", "Autre chose les a changées : seul « choriste migrate up » le doit. Les restaurer, ou utiliser la version de choriste qui convient."},
	},
}
