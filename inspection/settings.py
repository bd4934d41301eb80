"""Every setting of the service, read from the environment as ``WELT_<NAME>``; docs/settings.md lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Settings"]


class Settings(BaseSettings):
    """Settings of one running service. Built in ``cli`` or by a test, never at import."""

    model_config = SettingsConfigDict(env_prefix="WELT_", frozen=True, extra="ignore", env_ignore_empty=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    data_dir: Path = Field(Path("welt-data"), description="Folder of the SQLite database and the photos.")
    database_url: str | None = Field(
        None,
        description="SQLAlchemy URL, such as postgresql+pg8000://user@host/welt; else SQLite in data_dir.",
    )
    photos_url: str | None = Field(
        None,
        description="Folder or URL of the photos, such as s3://bucket/welt; else data_dir/photos.",
    )
    models_dir: Path = Field(Path("models"), description="Folder of models with serving.toml.")
    recipes_dir: Path | None = Field(None, description="Folder of recipe files besides those that ship.")
    standards_dir: Path | None = Field(None, description="Folder of standard files besides those that ship.")
    max_upload_mb: float = Field(32.0, gt=0, description="Largest upload accepted, in MB of 10^6 bytes.")
    max_photo_mp: float = Field(64.0, gt=0, description="Largest photo accepted, in megapixels.")
    queue_length: int = Field(16, ge=1, description="Photos that may wait; one more is answered 503 at once.")
    deadline_s: float = Field(10.0, gt=0, description="Seconds after which a waiting camera is answered 504.")
    workers: int = Field(2, ge=1, le=64, description="Photos inspected side by side.")
    inference_threads: int = Field(
        0, ge=0, description="Threads of one network run; 0 takes the CPU quota of the container or host."
    )
    precision: Literal["fp32", "int8"] = Field(
        "fp32",
        description="fp32, or int8 for the faster form of a model that ships one; see its card for what it "
        "costs.",
    )
    shoe_timeout_s: float = Field(
        300.0,
        gt=0,
        description="Seconds after its first photo when a shoe or pair without all photos is a recheck.",
    )
    calibration_max_age_days: float = Field(
        30.0,
        ge=0,
        description="Days after which a stored calibration makes every verdict a recheck until it is checked "
        "or made anew; 0 for no limit.",
    )
    min_free_mb: float = Field(
        200.0, ge=0, description="Free disk space below which no photo is accepted, in MB."
    )
    session_hours: float = Field(12.0, gt=0, description="Hours after which people have to log in again.")
    secure_cookies: bool = Field(
        False, description="Send session cookies over HTTPS only; set it behind TLS."
    )
    log_level: str = Field("info", description="debug, info, warning or error.")

    @property
    def database(self) -> str:
        """SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'welt.db'}"

    @property
    def photos(self) -> str:
        """Folder or URL of the photos in force."""
        return self.photos_url or str(self.data_dir / "photos")
