"""TikTok, as documented: Login Kit, identity, Content Posting, statistics.

``www.tiktok.com``               ``authorize.py`` (consent), public video pages
``open.tiktokapis.com``          ``oauth.py`` (tokens), ``gateway.py`` (token, scope, limits),
                                 ``identity.py``, ``publishing.py``, ``videos.py``
``open-upload.tiktokapis.com``   ``uploads.py`` (bytes)
``p16-sign.tiktokcdn.com``       ``portraits.py``

Each rule names the row it holds of the table "What a strict TikTok simulator must reject"; where
TikTok's behaviour is unconfirmed the strictest reading is taken and said so. Left out: webhooks,
signing in again without the consent page (``disable_auto_auth``), what the person does with a
draft in the inbox.
"""

from .platform import TikTok

PLATFORM = TikTok
