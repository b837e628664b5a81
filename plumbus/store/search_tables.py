"""The tables of the search index, and how a backup gets into them.

A name is kept as it is searched (`folded`); `name` is null where that is the name itself. `key` makes a short number of a text:
an index of these takes half the room of one of the texts.
"""

TABLES = """
CREATE TABLE backups (id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, client_id INTEGER NOT NULL);
CREATE INDEX backups_of_job ON backups (job_id, id);
CREATE TABLE names (id INTEGER PRIMARY KEY, folded TEXT NOT NULL, name BLOB);
CREATE INDEX names_key ON names (key(folded));
CREATE VIRTUAL TABLE threes USING fts5 (folded, content = '', detail = none, columnsize = 0, tokenize = 'trigram case_sensitive 1');
CREATE TABLE folders (
    id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL, path BLOB NOT NULL, folded TEXT NOT NULL, UNIQUE (job_id, path)
);
CREATE TABLE files (
    name_id INTEGER NOT NULL, folder_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER, kind TEXT NOT NULL,
    size INTEGER NOT NULL, modified INTEGER NOT NULL, PRIMARY KEY (name_id, folder_id, first)
) WITHOUT ROWID;
CREATE INDEX files_in_folder ON files (folder_id, last);
"""
ENTERING = """
CREATE TEMP TABLE entering (folder BLOB, name BLOB, kind TEXT, size INTEGER, modified INTEGER);
CREATE TEMP TABLE present (
    name_id INTEGER, folder_id INTEGER, kind TEXT, size INTEGER, modified INTEGER, PRIMARY KEY (name_id, folder_id)
) WITHOUT ROWID;
"""
NAME = 'ifnull(names.name, CAST(names.folded AS BLOB))'
NAMED = f'key(names.folded) = key(folded(entry.name)) AND {NAME} = entry.name'
# :id is the new backup, :before the one of the job that was the newest until now; folded folders have a slash at both ends.
ENTER = (
    f"""INSERT INTO names (folded, name) SELECT folded(name), nullif(name, CAST(folded(name) AS BLOB))
        FROM (SELECT DISTINCT name FROM entering) AS entry WHERE NOT EXISTS (SELECT 1 FROM names WHERE {NAMED})""",  # noqa: S608 # nosec B608 -- fixed texts
    'INSERT INTO threes (rowid, folded) SELECT id, folded FROM names WHERE id > :names',
    """INSERT OR IGNORE INTO folders (job_id, path, folded) SELECT :job_id, folder, rtrim('/' || folded(folder), '/') || '/'
       FROM (SELECT DISTINCT folder FROM entering)""",
    f"""INSERT OR IGNORE INTO present SELECT names.id, folders.id, kind, size, modified FROM entering AS entry
        JOIN folders ON folders.job_id = :job_id AND folders.path = entry.folder CROSS JOIN names ON {NAMED}
        WHERE entry.kind <> ''""",  # noqa: S608 # nosec B608 -- fixed texts
)
NOT_PRESENT = """last IS NULL AND NOT EXISTS (
    SELECT 1 FROM present WHERE present.name_id = files.name_id AND present.folder_id = files.folder_id)"""
# What is gone: all that is not among what there is now; or what was told of as gone, and did not come as another one.
LEAVE_ALL = f"""UPDATE files SET last = :before
    WHERE folder_id IN (SELECT id FROM folders WHERE job_id = :job_id) AND {NOT_PRESENT}"""  # noqa: S608 # nosec B608 -- fixed texts
LEAVE_TOLD = f"""UPDATE files SET last = :before WHERE (name_id, folder_id) IN (
    SELECT names.id, folders.id FROM entering AS entry
    JOIN folders ON folders.job_id = :job_id AND folders.path = entry.folder CROSS JOIN names ON {NAMED}
    WHERE entry.kind = '') AND {NOT_PRESENT}"""  # noqa: S608 # nosec B608 -- fixed texts
STAY = (
    """UPDATE files SET kind = present.kind, size = present.size, modified = present.modified FROM present
       WHERE files.name_id = present.name_id AND files.folder_id = present.folder_id AND files.last IS NULL
       AND (files.size, files.modified, files.kind) <> (present.size, present.modified, present.kind)""",
    """INSERT INTO files SELECT name_id, folder_id, :id, NULL, kind, size, modified FROM present WHERE NOT EXISTS (
       SELECT 1 FROM files WHERE files.name_id = present.name_id AND files.folder_id = present.folder_id AND last IS NULL)""",
    'INSERT INTO backups VALUES (:id, :job_id, :client_id)',
)
UNHELD = """
DELETE FROM files WHERE folder_id IN (SELECT id FROM folders WHERE job_id = :job_id) AND NOT EXISTS (
    SELECT 1 FROM backups WHERE job_id = :job_id AND backups.id BETWEEN first AND ifnull(last, 9e18))
"""
# What the newest backup has goes on: it may be that one alone, now removed, that had it no more.
REOPEN = """
UPDATE files SET last = NULL WHERE folder_id IN (SELECT id FROM folders WHERE job_id = :job_id)
    AND last >= (SELECT max(id) FROM backups WHERE job_id = :job_id)
"""
