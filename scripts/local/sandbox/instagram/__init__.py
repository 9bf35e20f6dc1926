"""Instagram, as documented: two login products, containers, publishing (platform facts 4).

A (Facebook Login)   on ``graph.facebook.com`` with tokens of ``facebook/``
B (Instagram Login)  ``www.instagram.com`` ``authorize.py``, ``api.instagram.com`` ``oauth.py``,
                     ``graph.instagram.com`` ``refreshing.py``

Both: ``identity.py``, ``containers.py``, ``publishing.py``, ``media.py``, and the bytes of
resumable uploads on ``rupload.facebook.com``. ``access.py`` keeps the products apart: permissions,
accounts, what may be deleted.

Each rule names the row it holds of the table "What a strict Instagram simulator must reject"; where
Instagram's behaviour is unconfirmed the strictest reading is taken and said so. Left out: tags of
people, places and products are taken but not judged.
"""

from .platform import Instagram

PLATFORM = Instagram
