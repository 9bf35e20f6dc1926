"""LinkedIn, as documented: OAuth, identity, pages, media, posts, statistics.

``www.linkedin.com``  ``authorize.py`` (consent), ``oauth.py`` (tokens), ``uploads.py`` (bytes)
``api.linkedin.com``  ``gateway.py`` (token, version, quota), ``identity.py``,
                      ``organizations.py``, ``media.py``, ``posts.py``, ``statistics.py``
``media.licdn.com``   ``photos.py``

Each rule names the row it holds of the table "What a strict LinkedIn simulator must reject"; where
LinkedIn's behaviour is unconfirmed the strictest reading is taken and said so. Left out: the legacy
``/v2/ugcPosts``, the native PKCE flow, comments and reactions, reading a page's name.
"""

from .platform import LinkedIn

PLATFORM = LinkedIn
