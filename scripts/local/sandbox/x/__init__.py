"""X, as documented: OAuth 2.0 with PKCE, identity, media v2, posts (platform facts 2).

``x.com``          ``authorize.py`` (consent), the public page of a post
``api.x.com``      ``oauth.py`` (tokens), ``gateway.py`` (token, caps, limits), ``identity.py``,
                   ``media.py``, ``posts.py``, ``reading.py``
``pbs.twimg.com``  ``photos.py``

Each rule names the row it holds of the table "What a strict X simulator must reject"; where X's
behaviour is unconfirmed it can be switched in ``settings.py``, or the strict reading is taken and
said so. Left out: the old hosts of ``twitter.com``, OAuth 1.0a, ``command=INIT`` on the one-shot
upload, streams and search.
"""

from .platform import X

PLATFORM = X
