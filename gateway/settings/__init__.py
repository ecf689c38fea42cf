"""The settings of one gateway: ``gateway.toml`` in its working directory, then the environment.

A variable ``GATEWAY_<SECTION>_<NAME>`` overrides a line of the file. A working directory holds everything of
one gateway: settings, keys, database, folders, logs. Relative paths in the file are relative to it, so the
directory can be moved or restored elsewhere as a whole.
"""

from gateway.settings.alerts import AlertSettings
from gateway.settings.company import Company, company_named
from gateway.settings.doors import As2Settings, HttpSettings, SftpSettings
from gateway.settings.endpoint import Endpoint, parse_endpoint
from gateway.settings.loading import load_settings
from gateway.settings.model import (
    FolderSettings,
    LimitSettings,
    LogSettings,
    Paths,
    Settings,
    StoreSettings,
    WorkSettings,
)
from gateway.settings.section import SettingsError
from gateway.settings.staff import StaffSettings
from gateway.settings.web import WebSettings
from gateway.settings_template import SETTINGS_FILE, settings_text, write_default

__all__ = [
    "SETTINGS_FILE",
    "AlertSettings",
    "As2Settings",
    "Company",
    "Endpoint",
    "FolderSettings",
    "HttpSettings",
    "LimitSettings",
    "LogSettings",
    "Paths",
    "Settings",
    "SettingsError",
    "SftpSettings",
    "StaffSettings",
    "StoreSettings",
    "WebSettings",
    "WorkSettings",
    "company_named",
    "load_settings",
    "parse_endpoint",
    "settings_text",
    "write_default",
]
