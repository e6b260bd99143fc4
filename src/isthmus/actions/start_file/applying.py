"""Bringing a store to what a start file says, in one unit of work: all of it, or nothing.

Everything is compared before it is written, so that applying a file again writes nothing. What the file does not name stays,
unless somebody asks for it to go (`pruning`): other accounts and objects, and on those that it names further tags, policies
and keys. Only the list of an account's service control policies, or of the organization's, is the whole list.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from isthmus.actions import administration, iam_documents, iam_objects, iam_policies
from isthmus.actions.call import Call, RandomIdentifiers, Rules
from isthmus.actions.start_file import organization, pruning
from isthmus.actions.start_file.changes import Changes
from isthmus.actions.start_file.checking import text_of, trust_of
from isthmus.actions.start_file.entries import (
    AccountEntry,
    HolderEntry,
    KeyEntry,
    Keys,
    PolicyEntry,
    RoleEntry,
    Start,
    UserEntry,
)
from isthmus.actions.start_file.problems import Problem, StartFileError, said_at
from isthmus.domain import quotas
from isthmus.domain.accounts import AccessKey, Account, KeyStatus, root
from isthmus.domain.iam import errors, limits, tags, vendor
from isthmus.domain.iam.names import ROOT_PATH
from isthmus.domain.iam.objects import (
    Attachment,
    Group,
    Holder,
    InlinePolicy,
    ManagedPolicy,
    Membership,
    PolicyVersion,
    Role,
    User,
)
from isthmus.domain.peering import Delays
from isthmus.store import journal
from isthmus.store.iam_rows import IamRows
from isthmus.store.table import Row
from isthmus.store.unit import Unit
from isthmus.wire.written.text import Place

ACTOR: Final = "operator"
ACTION: Final = "ApplyStartFile"
REGION: Final = "us-east-1"
"""IAM has no Region; this one says which partition the accounts are in."""
RENAMED: Final = frozenset({"user", "group"})
"""Kinds of objects whose name and path may change."""
NO_RULES: Final = Rules(Delays(), quotas.DEFAULT)
_IDENTIFIERS: Final = RandomIdentifiers()


class Applied(NamedTuple):
    """What became of a start file: sentences about what was made or changed, and the keys that were made."""

    changes: Sequence[str]
    keys: Sequence[tuple[str, AccessKey]]
    """Each with its user's name, nothing for an account's root."""


def apply(unit: Unit, start: Start, *, prunes: bool = False) -> Applied:
    """Make everything that a checked start file says true; `prunes` says to delete what it does not name in its accounts.

    Raises `StartFileError` for what cannot be.
    """
    changes = Changes()
    entries = [(("accounts", number), each) for number, each in enumerate(start.accounts)]
    accounts = [_Account(unit, entry, place, changes) for place, entry in sorted(entries, key=lambda each: each[1].id)]
    for step in STEPS:  # what later steps name is there by then, in whichever account
        for account in accounts:
            step(account)
    for account in accounts if prunes else ():
        pruning.prune(account.call, account.entry, account.place, changes)
    organization.apply(unit, start, changes)
    if unit.changes:
        journal.write(unit, _IDENTIFIERS.request_id(unit), ACTOR, "", REGION, ACTION)
    return Applied(tuple(changes.sentences), tuple(changes.keys))


def add_role(unit: Unit, account_id: str, role: RoleEntry) -> None:
    """Make one role in an account that is there."""
    account = unit.accounts.get(account_id)
    assert account is not None, account_id
    one = _Account(unit, AccountEntry(id=account_id, name=account.name, roles=[role]), (), Changes())
    for step in STEPS:
        step(one)


class _Account:
    """An account that a file names, on its way into the store."""

    def __init__(self, unit: Unit, entry: AccountEntry, place: Place, changes: Changes) -> None:
        principal = root(entry.id, access_key_id="", region=REGION, service="iam")
        self.call = Call(ACTION, principal, unit, NO_RULES, "", _IDENTIFIERS)
        self.unit, self.entry, self.place, self.changes = unit, entry, place, changes
        self.now = unit.now

    @property
    def id(self) -> str:
        return self.entry.id

    def noted(self, kind: str, name: str, *, was_there: bool) -> None:
        self.changes.note(kind, name, self.id, was_there=was_there)

    # --- in the order of the steps ---

    def account(self) -> None:
        iam_objects.alone(self.call)
        found = self.unit.accounts.get(self.id)
        wanted = replace(found or Account(self.id, "", self.now), name=self.entry.name)
        if wanted != found:
            self.unit.accounts.put(wanted)
            self.noted("account", self.entry.name, was_there=found is not None)

    def policies(self) -> None:
        for place, entry in self._each("policies"):
            with said_at(place):
                self._policy(entry)

    def groups(self) -> None:
        for place, entry in self._each("groups"):
            with said_at(place):
                group = self._put(self.unit.iam_groups, entry, Group("", self.id, entry.name, ROOT_PATH, self.now))
                self._policies_of(group, entry)

    def users(self) -> None:
        for place, entry in self._each("users"):
            with said_at(place):
                user = self._put(self.unit.iam_users, entry, User("", self.id, entry.name, ROOT_PATH, self.now))
                self._policies_of(user, entry)
                self._groups_of(user, entry)

    def roles(self) -> None:
        """Make the roles that are missing, so that trust policies may name them; until the next step they trust nobody."""
        for place, entry in self._each("roles"):
            with said_at(place):
                role = self._put(self.unit.iam_roles, entry, Role("", self.id, entry.name, ROOT_PATH, self.now, ""))
                self._policies_of(role, entry)

    def trust(self) -> None:
        for place, entry in self._each("roles"):
            with said_at((*place, "trust_policy" if entry.trusted_principals is None else "trusted_principals")):
                self._trust(entry)

    def keys(self) -> None:
        self._keys_of("", self.entry.access_keys, (*self.place, "access_keys"))
        for place, entry in self._each("users"):
            self._keys_of(entry.name, entry.access_keys, (*place, "access_keys"))

    # --- what they need ---

    def _each(self, word: str) -> Iterator[tuple[Place, Any]]:
        for number, entry in enumerate(getattr(self.entry, word)):
            yield (*self.place, word, number), entry

    def _put(self, rows: IamRows[Row], entry: HolderEntry | PolicyEntry, new: Row) -> Row:
        """Bring the row of an object to what its entry says, and return it; `new` is the row where there is none."""
        kind = iam_objects.KINDS[rows.table.row]
        found = rows.named(self.id, entry.name)
        if found is None:
            limits.check(limits.PER_ACCOUNT[kind], rows.count(account=self.id))
        wanted = replace(found or replace(new, id=iam_objects.new_id(self.call, kind)), **self._said(kind, entry, found))
        if wanted == found:
            return wanted
        self.noted(kind, entry.name, was_there=found is not None)
        return rows.put(wanted)

    def _said(self, kind: str, entry: HolderEntry | PolicyEntry, found: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of that kind
        """Return the fields that an entry gives a value."""
        said = _place(kind, entry, found)
        if given := getattr(entry, "tags", None):
            said["tags"] = tags.merged(kind, found.tags if found else {}, given.items())
        if boundary := getattr(entry, "permissions_boundary", None):
            said["boundary_id"] = self._managed(boundary, "boundary").id
        if (description := getattr(entry, "description", None)) is not None:
            said["description"] = description
        if seconds := getattr(entry, "max_session_duration", None):
            said["max_session_duration"] = int(seconds)
        return said

    def _policy(self, entry: PolicyEntry) -> None:
        policies, versions, text = self.unit.iam_policies, self.unit.iam_policy_versions, text_of(entry.document)
        is_new = policies.named(self.id, entry.name) is None
        policy = self._put(policies, entry, ManagedPolicy("", self.id, entry.name, ROOT_PATH, self.now, self.now))
        held = versions.where(policy_id=policy.id)
        in_force = next((each for each in held if each.number == policy.default_version), None)
        if in_force is not None and same(in_force.document, text):
            return
        if not is_new:
            policy = self._with_next_version(policy, held)
        versions.put(PolicyVersion(self.id, policy.id, policy.default_version, text, self.now))

    def _with_next_version(self, policy: ManagedPolicy, held: Sequence[PolicyVersion]) -> ManagedPolicy:
        """Put a new version in force; where there are as many as there may be, the oldest makes room (I55)."""
        if len(held) >= limits.limit("VersionsPerPolicy"):
            self.unit.iam_policy_versions.delete(next(each for each in held if each.number != policy.default_version))
        number = policy.latest_version + 1
        self.noted("policy", policy.name, was_there=True)
        return self.unit.iam_policies.put(
            replace(policy, latest_version=number, default_version=number, updated_at=self.now)
        )

    def _managed(self, name: str, kind: str) -> ManagedPolicy:
        """Return a managed policy by its ARN or its name, the account's own before the vendor's."""
        if name.startswith("arn:"):
            return iam_policies.named(self.call, name, kind)
        found = self.unit.iam_policies.named(self.id, name) or vendor.named(name)
        if found is None:
            raise errors.no_such(kind, name)
        return found

    def _policies_of(self, owner: Holder, entry: HolderEntry) -> None:
        kind = iam_objects.KINDS[type(owner)]
        is_changed = (
            self._attach(owner, kind, entry.attached_policies),
            self._write_inline(owner, kind, entry.inline_policies),
        )
        if any(is_changed):
            self.noted(kind, entry.name, was_there=True)

    def _attach(self, owner: Holder, kind: str, wanted: Iterable[str]) -> bool:
        present = {each.policy_id for each in self.unit.iam_attachments.where(owner_id=owner.id)}
        added = {policy.id: policy for name in wanted if (policy := self._managed(name, "attachable")).id not in present}
        limits.check(limits.ATTACHED[kind], len(present), len(added))
        for policy_id in added:
            self.unit.iam_attachments.put(Attachment(self.id, owner.id, policy_id))
        return bool(added)

    def _write_inline(self, owner: Holder, kind: str, wanted: Mapping[str, Any]) -> bool:
        rows = self.unit.iam_inline_policies
        present = {each.name: each for each in rows.where(owner_id=owner.id)}
        changed = False
        for name, document in wanted.items():
            text = text_of(document)
            held = present.get(name, InlinePolicy(self.id, owner.id, name, ""))
            if same(held.document, text):
                continue
            iam_documents.check_inline(kind, owner.name, list(present.values()), name, text)
            present[name] = rows.put(replace(held, document=text))
            changed = True
        return changed

    def _groups_of(self, user: User, entry: UserEntry) -> None:
        rows = self.unit.iam_memberships
        present = {each.group_id for each in rows.where(user_id=user.id)}
        for name in entry.groups:
            group = self.unit.iam_groups.named(self.id, name)
            if group is None:
                raise errors.no_such("group", name)
            if group.id not in present:
                limits.check("GroupsPerUser", len(present))
                rows.put(Membership(self.id, group.id, user.id))
                present.add(group.id)
                self.noted("user", entry.name, was_there=True)

    def _trust(self, entry: RoleEntry) -> None:
        role = self.unit.iam_roles.named(self.id, entry.name)
        assert role is not None, "an earlier step has made it"
        text = iam_documents.stored_trust(self.call, text_of(trust_of(entry)))
        if not same(role.trust_policy, text):
            self.noted("role", entry.name, was_there=True)
            self.unit.iam_roles.put(replace(role, trust_policy=text))

    def _keys_of(self, user_name: str, keys: Keys, place: Place) -> None:
        user = self.unit.iam_users.named(self.id, user_name) if user_name else None
        holder_id = user.id if user else ""
        with said_at(place):
            if isinstance(keys, str):
                self._generate(user_name, holder_id)
            else:
                for number, key in enumerate(keys):
                    self._give(holder_id, key, (*place, number))

    def _generate(self, user_name: str, holder_id: str) -> None:
        """Make a key where there is none."""
        if not self.unit.access_keys.long_term(self.id, holder_id):
            made = administration.issue_key(self.unit, self.id, holder_id)
            self.noted("access key of", user_name or "the root", was_there=False)
            self.changes.keys.append((user_name, made))

    def _give(self, holder_id: str, key: KeyEntry, place: Place) -> None:
        """Let a key be the one that the file has."""
        secret, rows = key.secret or "", self.unit.access_keys
        found = rows.get(key.id)
        if found is not None and (found.account, found.holder_id) != (self.id, holder_id):
            raise StartFileError([Problem(place, f"the access key {key.id} is somebody else's already")])
        if found is not None and hmac.compare_digest(found.secret.encode(), secret.encode()):
            return
        if found is None:
            limits.check("AccessKeysPerUser", len(rows.long_term(self.id, holder_id)))
        new = AccessKey(key.id, self.id, secret, KeyStatus.ACTIVE, None, None, self.now, holder_id)
        rows.put(new if found is None else replace(found, secret=secret))
        self.noted("access key", key.id, was_there=found is not None)


def _place(kind: str, entry: HolderEntry | PolicyEntry, found: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """Return the name and the path that an object gets. Of a role and of a policy both are for good."""
    path = entry.path or (found.path if found else ROOT_PATH)
    if found is None or kind in RENAMED:
        return {"name": entry.name, "path": path}
    if path != found.path:
        raise errors.invalid_input(f"The {kind} {found.name} has the path {found.path}, which nobody can change.")
    return {}


STEPS: Final[Sequence[Callable[[_Account], None]]] = (
    _Account.account,
    _Account.policies,
    _Account.groups,
    _Account.users,
    _Account.roles,
    _Account.trust,
    _Account.keys,
)
"""In this order, so that whatever a step names is there."""


def same(held: str, wanted: str) -> bool:
    """Tell whether two documents say the same, whatever their white space."""
    return held == wanted or (held != "" and msgspec.json.decode(held) == msgspec.json.decode(wanted))
