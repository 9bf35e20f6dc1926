"""The main job as a user does it, with the clients a frontend uses."""
