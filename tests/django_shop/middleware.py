"""Middleware that answers before, and after, a view."""

from __future__ import annotations

from django.http import HttpResponse, JsonResponse


class Doorman:
    """Answers before anything is resolved, before a view, and what a view raised."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        """Answer what asks for the door."""
        if "door" in request.GET:
            return HttpResponse("closed", status=503)
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        """Answer in a view's stead."""
        return HttpResponse("not you") if "instead" in request.GET else None

    def process_exception(self, request, error):
        """Answer for one kind of exception."""
        return JsonResponse({"error": str(error)}, status=500) if isinstance(error, LookupError) else None


def waiter(get_response):
    """Fail on the way out, where that is asked for."""

    def middleware(request):
        response = get_response(request)
        if "spill" in request.GET:
            raise OSError("spilt")
        return response

    return middleware
