"""Facebook Pages, as documented: the dialog, tokens, pages, posts, media (platform facts 3).

``www.facebook.com``          ``authorize.py`` (the dialog)
``graph.facebook.com``        ``oauth.py``, ``identity.py``, ``feed.py``, ``photos.py``,
                              ``videos.py``, ``uploads.py``, ``reels.py``, ``posts.py``
``graph-video.facebook.com``  ``videos.py``
``rupload.facebook.com``      ``reels.py`` (bytes)

Each rule names the row it holds of the table "What a strict Pages simulator must reject"; where
Facebook's behaviour is unconfirmed the strictest reading is taken and said so. What all of Meta
shares is in ``graph/``. Left out: Login for Business (``config_id``), tags, places, targeting.
"""

from .platform import Facebook

PLATFORM = Facebook
