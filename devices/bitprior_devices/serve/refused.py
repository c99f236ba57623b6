"""A request that gets an error for an answer."""

from http import HTTPStatus


class RefusedError(Exception):
    """Ends a request.

    Attributes:
        status: Status of the answer.
        headers: Further headers of it.
    """

    def __init__(self, status: HTTPStatus, text: str, **headers: str) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers
