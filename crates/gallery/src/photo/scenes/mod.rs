//! The scenes, by the way they are painted.

mod land;
mod sky;

use super::camera::Camera;
use super::canvas::Canvas;
use super::{Frame, Scene};

/// Paints a scene and says how the camera was set.
pub fn paint(scene: Scene, frame: &Frame) -> (Canvas, Camera) {
    match scene {
        Scene::Lake => land::lake(frame),
        Scene::Dunes => land::dunes(frame),
        Scene::Mist => land::mist(frame),
        Scene::Hills => land::hills(frame),
        Scene::Clouds => land::clouds(frame),
        _ => land::lake(frame),
    }
}
