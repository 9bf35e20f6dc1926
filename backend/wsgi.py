"""The web process: gunicorn -c backend/gunicorn.conf.py 'backend.wsgi:create()'"""

from __future__ import annotations

import sys

from flask import Flask

from .app import create_app
from .logs import configure, hide
from .observing import observe
from .services import build
from .settings import SettingsError, load_settings, secrets_of


def create() -> Flask:
    """The application from the environment. Ends the process with a readable message when it cannot be used."""
    try:
        settings = load_settings()
        configure(settings.log_level, readable=settings.app_env == "development")
        hide(secrets_of(settings))
        observe(settings, "web")
        return create_app(build(settings))
    except SettingsError as error:
        sys.exit(str(error))
