//! The scenes, by the way they are painted.

mod city;
mod ground;
mod lake;
mod land;
mod landscape;
mod night;
mod sea;
mod sky;
mod stamp;
mod still;
mod stone;
mod street;

use super::camera::Camera;
use super::canvas::Canvas;
use super::{Frame, Scene};

/// Paints a scene and says how the camera was set.
pub fn paint(scene: Scene, frame: &Frame) -> (Canvas, Camera) {
    match scene {
        Scene::Lake => lake::lake(frame),
        Scene::Dunes => land::dunes(frame),
        Scene::Mist => land::mist(frame),
        Scene::Hills => land::hills(frame),
        Scene::Clouds => land::clouds(frame),
        Scene::Aurora => night::aurora(frame),
        Scene::Lights => night::lights(frame),
        Scene::Shore => sea::shore(frame),
        Scene::Sunset => sea::sunset(frame),
        Scene::Canyon => stone::canyon(frame),
        Scene::Pebbles => stone::pebbles(frame),
        Scene::Dahlia => still::dahlia(frame),
        Scene::Peaches => still::peaches(frame),
        Scene::Leaves => ground::leaves(frame),
        Scene::City => city::city(frame),
        Scene::Street => street::street(frame),
    }
}
