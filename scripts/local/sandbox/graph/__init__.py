"""What Facebook Pages and Instagram share: the Graph API's manners (platform facts 3 and 4).

``versions.py``    the version in the path        ``parameters.py``  query, form or JSON
``tokens.py``      apps, codes, tokens            ``gateway.py``     token, proof, budget
``projecting.py``  ``fields=a,b{c}``              ``nodes.py``       ``GET`` and ``DELETE /{id}``
``errors.py``      the error envelope             ``transfers.py``   bytes in several requests
``settings.py``    what tests may switch          ``windows.py``     counts over the last hours
``inspecting.py``  images and videos              ``paging.py``      cursors

The rules themselves are in ``facebook/`` and ``instagram/``. Facebook owns ``graph.facebook.com``
and ``rupload.facebook.com``; Instagram adds its paths there for accounts that come with a page.
"""
