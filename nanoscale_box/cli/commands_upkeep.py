"""The commands by which a box is kept for years: backups, keys, tokens, the audit, and what describes them all."""

from __future__ import annotations

from typing import Final

from nanoscale_box.cli.parser import LIMIT, Command, arg, whole_number

_PASSPHRASE: Final = arg(
    "--passphrase-file", metavar="FILE", help="read the passphrase from there instead of asking for it"
)

UPKEEP: Final[tuple[Command, ...]] = (
    Command(
        words="token create",
        does="make a bearer token for the API over TCP (NANOSCALE_API_LISTEN); its text is shown this once",
        examples=("token create dashboard", "token create ci --scope deploy --expires-in-days 90"),
        handler="token:create",
        arguments=(
            arg("name", metavar="NAME", help="what it is for"),
            arg(
                "--scope",
                choices=["read", "deploy", "admin"],
                default="read",
                help="look; also deploy, cancel and roll back; everything (read)",
            ),
            arg("--expires-in-days", type=whole_number, metavar="N", help="it opens nothing after so many days"),
        ),
    ),
    Command(
        words="token list",
        does="all bearer tokens, when each was used last and when it expires",
        examples=("token list",),
        handler="token:list_tokens",
    ),
    Command(
        words="token revoke",
        does="let a bearer token open nothing from now on",
        examples=("token revoke dashboard",),
        handler="token:revoke",
        arguments=(arg("token", metavar="TOKEN", help="its name or id"),),
    ),
    Command(
        words="backup",
        does="save the box while it runs: database, settings, routes; the keys only if asked for, under a passphrase",
        examples=("backup box.tar.gz", "backup /var/backups/box/ --keep 14", "backup box.tar.gz --keys"),
        handler="backup:backup",
        check="backup:check_backup",
        arguments=(
            arg("file", metavar="FILE", help="where to; a folder gets a file named by the time, - is standard output"),
            arg("--keys", action="store_true", help="put the encryption keys in, locked with a passphrase"),
            _PASSPHRASE,
            arg("--keep", type=whole_number, metavar="N", help="in a folder: keep the newest N, remove older ones"),
        ),
    ),
    Command(
        words="restore",
        does="put a backup in place where no box runs, after proving that its secrets open and GitHub knows its App",
        examples=("restore --verify box.tar.gz", "restore box.tar.gz", "restore --replace box.tar.gz"),
        handler="front:restore",
        arguments=(
            arg("file", metavar="FILE", help="a backup that `backup` made"),
            arg("--verify", action="store_true", help="only prove it; nothing is changed"),
            arg("--replace", action="store_true", help="move the database that is there aside"),
            _PASSPHRASE,
        ),
    ),
    Command(
        words="keys list",
        does="the keys that seal the box's secrets, by id, and how many each seals",
        examples=("keys list",),
        handler="keys:list_keys",
    ),
    Command(
        words="keys rotate",
        does="make a new key and seal every secret anew with it; afterwards the old ones may go",
        examples=("keys rotate", "keys rotate --no-wait"),
        handler="keys:rotate",
        arguments=(arg("--no-wait", action="store_true", help="do not wait until every secret is sealed anew"),),
    ),
    Command(
        words="audit",
        does="who did what to what and how it ended, newest first",
        examples=("audit", "audit --who uid:1000 --action delete", "audit --all --json > audit.jsonl", "audit --check"),
        handler="audit:audit",
        arguments=(
            arg("--who", metavar="WHO", help="of this caller only: uid:1000, token:tok_..., github, box"),
            arg("--action", metavar="WORD", help="actions that begin with it: delete, token, deployment"),
            arg("--target", metavar="ID", help="on this project, deployment or token only"),
            arg("--all", action="store_true", help="all there is, oldest last; with --json one object a line"),
            arg("--check", dest="whole", action="store_true", help="see whether an entry was altered or removed"),
            LIMIT,
        ),
    ),
    Command(
        words="openapi",
        does="print the API as an OpenAPI 3.1 document",
        examples=("openapi > nanoscale-box.json",),
        handler="openapi:openapi",
        offline=True,
    ),
    Command(
        words="completion",
        does="print what makes a shell complete these commands",
        examples=(
            "completion bash > nanoscale-box.bash",
            "completion zsh > _nanoscale-box",
            "completion fish > nanoscale-box.fish",
        ),
        handler="completion:completion",
        arguments=(arg("shell", choices=["bash", "zsh", "fish"], help="bash, zsh or fish"),),
        offline=True,
    ),
)
