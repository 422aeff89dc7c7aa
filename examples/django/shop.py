"""A Django site in one file: its cache and its sessions are in Brasa.

CACHE_BACKEND is `django` for the backend that comes with Django, or `django-redis`.
"""

import os
import time

import django
from django.conf import settings
from django.core.cache import cache
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
BACKENDS = {
    "django": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": URL},
    "django-redis": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": URL,
        "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
    },
}
settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY=os.environ.get("SECRET_KEY", "only for this example"),
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    INSTALLED_APPS=["django.contrib.sessions"],
    CACHES={"default": {**BACKENDS[os.environ.get("CACHE_BACKEND", "django")], "TIMEOUT": 300, "KEY_PREFIX": "shop"}},
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SESSION_COOKIE_AGE=3600,
)


def price_from_database(number):
    """Stands for a slow query. Counts how often it was asked."""
    asked = cache.get_or_set(f"asked:{number}", 0, timeout=None) + 1
    cache.incr(f"asked:{number}")
    time.sleep(0.05)
    return {"product": number, "cents": number * 100, "asked": asked}


def price(request, number):
    return JsonResponse(cache.get_or_set(f"price:{number}", lambda: price_from_database(number), timeout=2))


def basket(request):
    """Adds the product to the basket of this visitor."""
    products = request.session.get("basket", [])
    if "add" in request.GET:
        products.append(request.GET["add"])
        request.session["basket"] = products
    return JsonResponse({"basket": products, "process": os.getpid()})


def leave(request):
    request.session.flush()
    return JsonResponse({})


urlpatterns = [path("price/<int:number>", price), path("basket", basket), path("leave", leave)]
application = get_wsgi_application()
