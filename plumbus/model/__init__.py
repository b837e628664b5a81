"""What PLUMBUS speaks about: clients, jobs, backups, restores, verifications. Typed and checked; no I/O."""

from plumbus.model.actor import Actor, Role, Scope, acting, present_actor
from plumbus.model.audit import AuditEntry
from plumbus.model.client import AuthMethod, Client, ClientFields, ConnectionTest, HostKey, RemoteFile
from plumbus.model.fields import checked
from plumbus.model.job import Job, JobFields, JobView, Retention
from plumbus.model.notification import (
    EVENT_KINDS,
    Delivery,
    DeliveryTest,
    EventKind,
    NotificationFields,
    NotificationSettings,
    NotificationSettingsView,
    NotificationTarget,
)
from plumbus.model.record import Page, Record
from plumbus.model.run import (
    Backup,
    Owners,
    Progress,
    Restore,
    RestoreRequest,
    Run,
    Status,
    Trigger,
    Verification,
)

__all__ = [
    'EVENT_KINDS', 'Actor', 'AuditEntry', 'AuthMethod', 'Backup', 'Client', 'ClientFields', 'ConnectionTest', 'Delivery', 'DeliveryTest',
    'EventKind', 'HostKey', 'Job', 'JobFields', 'JobView', 'NotificationFields', 'NotificationSettings', 'NotificationSettingsView',
    'NotificationTarget', 'Owners', 'Page', 'Progress', 'Record', 'RemoteFile', 'Restore', 'RestoreRequest', 'Retention', 'Role', 'Run', 'Scope', 'Status', 'Trigger',
    'Verification', 'acting', 'checked', 'present_actor',
]  # fmt: skip
